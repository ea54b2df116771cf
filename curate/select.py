"""Re-decides a corpus from its stored scores: new thresholds, no video opened, no shard rewritten.

Works on whole columns, so that a million clips take seconds; row by row it means what `curate.scoring.decide` means.
"""

import os
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from curate.records import Threshold
from curate.scoring import score_names, sum_up
from curate.store import Folder, Place, Store, open_store

SCORES = "scores"  # folder of the tables that `emoforge score` adds, one a scorer
NOT_SCORED, NOT_ENCODED = "not_scored", "not_encoded"

Mask = NDArray[np.bool_]


def select(
    run: Place,
    out: Place,
    *,
    keep: Mapping[str, Threshold],
    scorers: Sequence[str],
    keep_singing: Mapping[str, Threshold] | None = None,
) -> None:
    """Write `out`'s clips, outcomes and index tables; its index points into `run`'s shards.

    `keep_singing` replaces thresholds of `keep` for clips whose `domain` is singing; without that column all is speech.
    A clip that `run` dropped early has no later scores, and one that it dropped has no video: where the new thresholds
    would keep it, it stays dropped by `not_scored` or `not_encoded`, and only curating again can bring it in.
    """
    run, out = open_store(run), open_store(out)
    clips, index = with_added_scores(run, _read(run, "clips"), scorers), _read(run, "index")
    encoded = _bools(pc.is_in(clips["clip_id"], value_set=index["clip_id"].combine_chunks()))
    clips = redecided_clips(clips, encoded, keep=keep, keep_singing=keep_singing or {}, scorers=scorers)
    _write(clips, out, "clips")
    _write(redecided_outcomes(_read(run, "outcomes"), clips), out, "outcomes")
    _write(_chosen(index, clips, run, out), out, "index")


def added_scorers(run: Place) -> list[str]:
    """Return the names of the scorers that were added to a corpus, sorted."""
    return sorted(PurePosixPath(name).stem for name in open_store(run).sizes(SCORES) if name.endswith(".parquet"))


def with_added_scores(run: Place, clips: pa.Table, scorers: Sequence[str]) -> pa.Table:
    """Join to the clips what was added of those scorers; a clip that has it was scored up to there."""
    store = open_store(run)
    for scorer in (name for name in added_scorers(store) if name in scorers):
        added = pq.read_table(store.open(f"{SCORES}/{scorer}.parquet"))
        row = pc.index_in(clips["clip_id"], value_set=added["clip_id"].combine_chunks())
        for name in score_names(scorer):
            column = added[name].combine_chunks().take(row.combine_chunks())
            at = clips.schema.get_field_index(name)
            clips = clips.append_column(name, column) if at < 0 else clips.set_column(at, name, column)
        reached = pc.if_else(pc.is_valid(row), pa.scalar(scorer), clips["last_scorer"])
        clips = clips.set_column(clips.schema.get_field_index("last_scorer"), "last_scorer", reached)
    return clips


def redecided_clips(
    clips: pa.Table,
    encoded: Mask,
    *,
    keep: Mapping[str, Threshold],
    keep_singing: Mapping[str, Threshold],
    scorers: Sequence[str],
) -> pa.Table:
    """Return the clips with `dropped_by` and `dropped_detail` by the thresholds; `encoded` (n,): it has a video."""
    decided = _Decisions(clips.num_rows)
    singing = _singing(clips)
    for domain, thresholds in ((~singing, dict(keep)), (singing, {**keep, **keep_singing})):
        if domain.any():
            _decide(decided, clips, domain, encoded, keep=thresholds, scorers=scorers)
    clips = _with_column(clips, "dropped_by", decided.dropped_by)
    return _with_column(clips, "dropped_detail", decided.detail)


def redecided_outcomes(outcomes: pa.Table, clips: pa.Table) -> pa.Table:
    """Return the outcomes with what the clips' decisions make of each source that has clips."""
    source = _outcome_of(clips, outcomes)
    kept = _bools(pc.is_null(clips["dropped_by"]))
    n_kept = np.bincount(source[kept], minlength=outcomes.num_rows)
    sums: dict[int, dict[str, Any]] = {
        place: {"outcome": "kept", "reason": "", "n_clips": int(n_kept[place]), "error": ""}
        for place in np.flatnonzero(n_kept).tolist()
    }
    sums |= {place: sum_up(rows) for place, rows in _rows_by_source(clips, source, n_kept[source] == 0)}
    for name in ("outcome", "reason", "n_clips", "error"):
        earlier = outcomes[name].to_pylist()
        now = [sums[place][name] if place in sums else old for place, old in enumerate(earlier)]
        outcomes = _with_column(outcomes, name, now)
    return outcomes


def _outcome_of(clips: pa.Table, outcomes: pa.Table) -> NDArray[np.int64]:
    """Return (n,) each clip's row of the outcomes: the one of its uri, or that part of the uri which holds it."""
    uris = outcomes["uri"].combine_chunks()
    row = np.asarray(pc.index_in(clips["uri"], value_set=uris).combine_chunks(), np.int64)
    counted = pc.value_counts(uris)
    repeated = counted.field("values").filter(pc.greater(counted.field("counts"), 1))
    parts: dict[str, list[tuple[float, int]]] = {}
    for place in np.flatnonzero(_bools(pc.is_in(uris, value_set=repeated))).tolist():
        parts.setdefault(uris[place].as_py(), []).append((outcomes["start_s"][place].as_py() or 0.0, place))
    for place in np.flatnonzero(_bools(pc.is_in(clips["uri"], value_set=repeated))).tolist():
        begins = sorted(parts[clips["uri"][place].as_py()])
        row[place] = begins[max(0, bisect_right(begins, (clips["start_s"][place].as_py(), len(uris))) - 1)][1]
    return row


class _Decisions:
    """What dropped each clip and the phrase with the number; None and "" while nothing did."""

    def __init__(self, n: int) -> None:
        self.dropped_by = np.full(n, None, object)
        self.detail = np.full(n, "", object)
        self.open = np.ones(n, bool)

    def drop(self, rows: Mask, reason: str, detail: str | list[str]) -> None:
        self.dropped_by[rows] = reason
        self.detail[rows] = detail
        self.open &= ~rows


def _decide(
    decided: _Decisions,
    clips: pa.Table,
    rows: Mask,
    encoded: Mask,
    *,
    keep: Mapping[str, Threshold],
    scorers: Sequence[str],
) -> None:
    """Decide some rows: the thresholds in the scorers' order, then whether the clip was scored and encoded at all."""
    last = pc.index_in(clips["last_scorer"], value_set=pa.array(list(scorers), pa.string()))
    last_place = last.fill_null(-1).to_numpy()
    place_of = {name: place for place, scorer in enumerate(scorers) for name in score_names(scorer)}
    for name, place in place_of.items():
        if name in keep:
            _apply(decided, clips, rows & (last_place >= place), name, keep[name])
    for name in keep:
        unscored = rows & decided.open & ~encoded & (last_place < place_of.get(name, len(scorers)))
        decided.drop(unscored, NOT_SCORED, f"passes, but was dropped before {name} was scored")
    unencoded = rows & decided.open & ~encoded
    decided.drop(unencoded, NOT_ENCODED, "passes, but was dropped before it was encoded")


def _apply(decided: _Decisions, clips: pa.Table, rows: Mask, name: str, threshold: Threshold) -> None:
    """Drop those of `rows` that are still open and whose score is missing, or outside the threshold."""
    known, values = _scores(clips, name)
    if not threshold.optional:
        decided.drop(rows & decided.open & ~known, name, f"{name} can't be measured")
    for bound, side, outside in (
        (threshold.min, "under", np.less),
        (threshold.max, "over", np.greater),
    ):
        if bound is not None:
            beyond = rows & decided.open & known & outside(values, bound)
            decided.drop(beyond, name, [f"{name} is {value:.4g}, {side} {bound:g}" for value in values[beyond]])


def _scores(clips: pa.Table, name: str) -> tuple[Mask, NDArray[np.float64]]:
    """Return which clips have the score, and the scores (0 where it is missing)."""
    if name not in clips.column_names:
        return np.zeros(clips.num_rows, bool), np.zeros(clips.num_rows)
    column = clips[name]
    return _bools(pc.is_valid(column)), np.asarray(pc.cast(column, pa.float64()).fill_null(0.0))


def _singing(clips: pa.Table) -> Mask:
    if "domain" not in clips.column_names:
        return np.zeros(clips.num_rows, bool)
    return _bools(pc.fill_null(pc.equal(clips["domain"], "singing"), False))


def _rows_by_source(clips: pa.Table, source: NDArray[np.int64], chosen: Mask) -> list[tuple[int, list[dict[str, Any]]]]:
    """Return (source, its clips' decisions in the table's order) for the chosen clips."""
    rows = np.flatnonzero(chosen)
    rows = rows[np.argsort(source[rows], kind="stable")]
    decisions = clips.select(["dropped_by", "dropped_detail"]).take(pa.array(rows)).to_pylist()
    sources, starts = np.unique(source[rows], return_index=True)
    ends = [*starts, len(rows)][1:]
    return [(int(place), decisions[start:end]) for place, start, end in zip(sources, starts, ends, strict=True)]


def _chosen(index: pa.Table, clips: pa.Table, run: Store, out: Store) -> pa.Table:
    """Return the index rows of the kept clips, their shards named from `out`."""
    kept = clips["clip_id"].filter(pc.is_null(clips["dropped_by"]))
    rows = index.filter(pc.is_in(index["clip_id"], value_set=kept.combine_chunks()))
    shards = rows["shard"].combine_chunks().dictionary_encode()
    moved = [_seen_from(out, run, shard) for shard in shards.dictionary.to_pylist()]
    return _with_column(rows, "shard", pa.array(moved, pa.string()).take(shards.indices))


def _seen_from(out: Store, run: Store, shard: str) -> str:
    """Return a shard of `run` as `out`'s index names it: relative between folders, else by its address."""
    if "://" in shard or not isinstance(run, Folder):
        return shard if "://" in shard else run.uri(shard)
    file = (run.path / shard).resolve()
    return os.path.relpath(file, out.path.resolve()) if isinstance(out, Folder) else f"file://{file}"


def _with_column(table: pa.Table, name: str, values: Any) -> pa.Table:
    field = table.schema.field(name)
    column = values if isinstance(values, pa.Array) else pa.array(values, field.type)
    return table.set_column(table.schema.get_field_index(name), field, column)


def _bools(column: Any) -> Mask:
    return np.asarray(
        column.to_numpy(zero_copy_only=False) if isinstance(column, pa.Array) else column.to_numpy(), bool
    )


def _read(run: Store, name: str) -> pa.Table:
    return pq.read_table(run.open(f"{name}.parquet"))


def _write(table: pa.Table, out: Store, name: str) -> None:
    repeating = [field.name for field in table.schema if pa.types.is_string(field.type)]  # scores hardly repeat
    with out.writing(f"{name}.parquet") as file:
        pq.write_table(table, file, compression="zstd", use_dictionary=repeating)
