"""Re-decides a corpus from its stored scores: new thresholds, no video opened, no shard rewritten."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from curate.records import Decision, Threshold
from curate.scoring import all_score_names, decide, sum_up

NOT_SCORED, NOT_ENCODED = "not_scored", "not_encoded"


def select(run: Path, out: Path, *, keep: Mapping[str, Threshold], scorers: Sequence[str]) -> None:
    """Write `out`'s clips, outcomes and index tables; its index points into `run`'s shards.

    A clip that `run` dropped early has no later scores, and one that it dropped has no video: where the new thresholds
    would keep it, it stays dropped by `not_scored` or `not_encoded`, and only curating again can bring it in.
    """
    clips, index = pq.read_table(run / "clips.parquet"), pq.read_table(run / "index.parquet")
    encoded = set(index["clip_id"].to_pylist())
    decisions = [_decide(row, keep=keep, scorers=scorers, encoded=encoded) for row in clips.to_pylist()]
    clips = _with_column(clips, "dropped_by", [decision.dropped_by for decision in decisions])
    clips = _with_column(clips, "dropped_detail", [decision.detail for decision in decisions])
    outcomes = pq.read_table(run / "outcomes.parquet")
    pq.write_table(clips, out / "clips.parquet", compression="zstd")
    pq.write_table(_redecided(outcomes, clips), out / "outcomes.parquet", compression="zstd")
    pq.write_table(_chosen(index, clips, run, out), out / "index.parquet", compression="zstd")


def _decide(
    row: Mapping[str, Any], *, keep: Mapping[str, Threshold], scorers: Sequence[str], encoded: set[str]
) -> Decision:
    ran = scorers[: scorers.index(row["last_scorer"]) + 1] if row["last_scorer"] in scorers else []
    names = all_score_names(ran)
    decision = decide(row, {name: keep[name] for name in names if name in keep})
    if decision.dropped_by is not None or row["clip_id"] in encoded:
        return decision
    missing = [name for name in keep if name not in names]
    if missing:
        return Decision(dropped_by=NOT_SCORED, detail=f"passes, but was dropped before {missing[0]} was scored")
    return Decision(dropped_by=NOT_ENCODED, detail="passes, but was dropped before it was encoded")


def _redecided(outcomes: pa.Table, clips: pa.Table) -> pa.Table:
    """Return the outcomes with what the new decisions make of each source that has clips."""
    by_uri: dict[str, list[dict[str, Any]]] = {}
    for row in clips.select(["uri", "dropped_by", "dropped_detail"]).to_pylist():
        by_uri.setdefault(row["uri"], []).append(row)
    rows = [row | sum_up(by_uri[row["uri"]]) if row["uri"] in by_uri else row for row in outcomes.to_pylist()]
    return pa.Table.from_pylist(rows, outcomes.schema)


def _chosen(index: pa.Table, clips: pa.Table, run: Path, out: Path) -> pa.Table:
    kept = {row["clip_id"] for row in clips.select(["clip_id", "dropped_by"]).to_pylist() if row["dropped_by"] is None}
    rows = [
        row | {"shard": os.path.relpath((run / row["shard"]).resolve(), out.resolve())}
        for row in index.to_pylist()
        if row["clip_id"] in kept
    ]
    return pa.Table.from_pylist(rows, index.schema)


def _with_column(table: pa.Table, name: str, values: Sequence[str | None]) -> pa.Table:
    return table.set_column(table.schema.get_field_index(name), table.schema.field(name), pa.array(values, pa.string()))
