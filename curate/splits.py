"""Splits a corpus into train, val and test so that no person, source or near-duplicate lies on two sides.

Clips that share an identity cluster, a source or a duplicate cluster form a component; components are dealt out:

* stable (default): by a salted hash of the component's smallest source_id. A growing corpus keeps its splits, but for
  components that new clips join to others; the fractions are met on average, so well only by large corpora.
* balanced: the largest component first, each to the split that lacks most seconds. Nears the fractions also with ten
  clips; a corpus that grows may be dealt out anew, so it is for corpora that don't.

What only the whole corpus can know lies beside the shards, in RUN/splits.parquet, a row a clip in the index's order.
"""

import hashlib
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from curate.clusters import identity_clusters
from curate.corpus import Corpus, locate, open_corpus
from curate.duplicates import Pair, clusters, fingerprints, keep_one, near_duplicates
from curate.errors import EmoforgeError
from curate.store import Place, open_store

log = logging.getLogger(__name__)

SPLITS = "splits.parquet"
NAMES = ("train", "val", "test")
Method = Literal["stable", "balanced"]

_EVIDENCE = pa.struct(
    [("by", pa.string())]
    + [(name, pa.float32()) for name in ("shift_s", "overlap_s", "movement", "look", "sound", "identity")]
)
SCHEMA = pa.schema(
    [(name, pa.string()) for name in ("clip_id", "source_id", "split", "component")]
    + [(name, pa.string()) for name in ("identity_cluster", "duplicate_cluster", "duplicate_of")]
    + [("evidence", _EVIDENCE)]
)


@dataclass(frozen=True, kw_only=True)
class SplitSummary:
    """What a split came to: the table, seconds a clip, and the val or test person most like one of train."""

    table: pa.Table
    duration_s: NDArray[np.float64]
    nearest_cosine: float | None
    nearest: tuple[str, str] | None


@dataclass(frozen=True, kw_only=True, eq=False)
class _Clips:
    """What splitting reads of a corpus, in the order of clip ids, so that the index's order means nothing."""

    clip_id: NDArray[np.str_]
    source_id: NDArray[np.str_]
    duration_s: NDArray[np.float64]
    sharpness: NDArray[np.float64]
    identity: NDArray[np.float32]
    frame_hashes: tuple[NDArray[np.int64], NDArray[np.int64]]
    audio_fingerprint: tuple[NDArray[np.int32], NDArray[np.int64]]


def split_corpus(
    run: Place, *, val: float = 0.05, test: float = 0.05, seed: int = 0, method: Method = "stable"
) -> SplitSummary:
    """Write RUN/splits.parquet, whole or not at all, after checking it; return what it came to.

    `val` and `test` are fractions (of components, each weighing its seconds in the long run); the rest is train.
    """
    if not (val >= 0 and test >= 0 and val + test < 1):
        raise EmoforgeError(f"val and test must be fractions from 0 up with a sum below 1, not {val} and {test}")
    corpus = open_corpus(run)
    clips = _read_clips(corpus)
    table = split_clips(clips, val=val, test=test, seed=seed, method=method)
    check_splits(table)
    cosine, nearest = _nearest_across(table, clips.identity)
    place = {clip_id: row for row, clip_id in enumerate(clips.clip_id.tolist())}
    order = [place[ref.clip_id] for ref in corpus.clips]
    table = table.take(pa.array(order, pa.int64()))
    with open_store(run).writing(SPLITS) as file:
        pq.write_table(table, file, compression="zstd")
    return SplitSummary(table=table, duration_s=clips.duration_s[order], nearest_cosine=cosine, nearest=nearest)


def split_clips(clips: _Clips, *, val: float, test: float, seed: int, method: Method) -> pa.Table:
    """Return the table of splits (see SCHEMA), a row a clip."""
    marks = fingerprints(
        duration_s=clips.duration_s,
        frame_hashes=clips.frame_hashes,
        audio_fingerprint=clips.audio_fingerprint,
        identity=clips.identity,
    )
    pairs = near_duplicates(marks)
    duplicates = keep_one(marks, pairs, sharpness=clips.sharpness)
    person, copies = identity_clusters(clips.identity), clusters(len(clips.clip_id), pairs)
    component = components(clips.source_id, person, copies)
    fractions = {"train": 1 - val - test, "val": val, "test": test}
    assign = _assign_by_hash if method == "stable" else _assign_balanced
    split_of = assign(component, clips.duration_s, fractions, seed)
    columns = {
        "clip_id": clips.clip_id,
        "source_id": clips.source_id,
        "split": [split_of[name] for name in component],
        "component": component,
        "identity_cluster": clips.clip_id[person],
        "duplicate_cluster": clips.clip_id[copies],
        "duplicate_of": [str(clips.clip_id[duplicates[i][0]]) if i in duplicates else None for i in range(len(person))],
        "evidence": [_evidence(duplicates[i][1]) if i in duplicates else None for i in range(len(person))],
    }
    return pa.table({field.name: pa.array(columns[field.name], field.type) for field in SCHEMA}, SCHEMA)


def components(source_id: NDArray[np.str_], person: NDArray[np.int64], copies: NDArray[np.int64]) -> NDArray[np.str_]:
    """Return (n,) the smallest source_id of each clip's component: what sources, persons and copies join."""
    n = len(source_id)
    _, first, source = np.unique(source_id, return_index=True, return_inverse=True)
    ends = np.concatenate([first[source], person, copies])
    joined = coo_array((np.ones(3 * n, bool), (np.tile(np.arange(n), 3), ends)), shape=(n, n))
    _, label = connected_components(joined, directed=False)
    by_name = np.argsort(source_id, kind="stable")
    _, smallest = np.unique(label[by_name], return_index=True)
    return source_id[by_name[smallest]][label]


def check_splits(table: pa.Table) -> None:
    """Raise EmoforgeError naming two clips of one person, source or duplicate cluster in different splits."""
    rows = table.select(["clip_id", "split", "source_id", "identity_cluster", "duplicate_cluster"]).to_pylist()
    split_of = {row["clip_id"]: row["split"] for row in rows}
    seen: dict[tuple[str, str], str] = {}
    for row in rows:
        if row["split"] not in NAMES:
            raise EmoforgeError(f"clip {row['clip_id']} is in the split {row['split']!r}; known: {', '.join(NAMES)}")
        for key in ("source_id", "identity_cluster", "duplicate_cluster"):
            other = seen.setdefault((key, row[key]), row["clip_id"])
            if split_of[other] != row["split"]:
                raise EmoforgeError(
                    f"the splits leak: clips {other} ({split_of[other]}) and {row['clip_id']} ({row['split']}) "
                    f"share the {key} {row[key]}"
                )


def _assign_by_hash(
    component: NDArray[np.str_], duration_s: NDArray[np.float64], fractions: Mapping[str, float], seed: int
) -> dict[str, str]:
    test, val = fractions["test"], fractions["val"]
    places = {name: _unit_hash(name, seed) for name in np.unique(component).tolist()}
    return {
        name: "test" if place < test else "val" if place < test + val else "train" for name, place in places.items()
    }


def _assign_balanced(
    component: NDArray[np.str_], duration_s: NDArray[np.float64], fractions: Mapping[str, float], seed: int
) -> dict[str, str]:
    """Largest first, to whichever split lacks most; then no wanted split stays empty while another has two."""
    names, place = np.unique(component, return_inverse=True)
    seconds = dict(zip(names.tolist(), np.bincount(place, duration_s).tolist(), strict=True))
    largest_first = sorted(seconds, key=lambda name: (-seconds[name], _unit_hash(name, seed)))
    lacking = {split: fraction * float(duration_s.sum()) for split, fraction in fractions.items() if fraction > 0}
    split_of = {}
    for name in largest_first:
        split = max(lacking, key=lambda split: lacking[split])
        split_of[name] = split
        lacking[split] -= seconds[name]
    for empty in [split for split in lacking if split not in split_of.values()]:
        held = list(split_of.values())
        spare = [name for name in reversed(largest_first) if held.count(split_of[name]) > 1]
        split_of |= dict.fromkeys(spare[:1], empty)
    return split_of


def _unit_hash(name: str, seed: int) -> float:
    return int.from_bytes(hashlib.sha256(f"{seed}:{name}".encode()).digest()[:8]) / 2**64


def _evidence(pair: Pair) -> dict[str, Any]:
    return {field.name: getattr(pair, field.name) for field in _EVIDENCE}


def _nearest_across(table: pa.Table, identity: NDArray[np.float32]) -> tuple[float | None, tuple[str, str] | None]:
    """Return the highest cosine between the mean faces of a person of val or test and one of train, and who they are.

    Persons go by their identity cluster; a cosine above the clusters' threshold says that the clusters may be wrong.
    """
    names, person = np.unique(np.asarray(table["identity_cluster"]).astype(str), return_inverse=True)
    means = np.zeros((len(names), identity.shape[1]), np.float32)
    np.add.at(means, person, identity)
    means /= np.maximum(np.linalg.norm(means, axis=1, keepdims=True), 1e-6)
    is_train = np.zeros(len(names), bool)
    is_train[person] = np.asarray(table["split"]).astype(str) == "train"
    train, held_out = np.flatnonzero(is_train), np.flatnonzero(~is_train)
    if not len(train) or not len(held_out):
        return None, None
    best: tuple[float, int, int] = (-2.0, 0, 0)
    for rows in np.array_split(held_out, -(-len(held_out) // 1024)):
        cosine = means[rows] @ means[train].T
        row, column = np.unravel_index(int(cosine.argmax()), cosine.shape)
        best = max(best, (float(cosine[row, column]), int(rows[row]), int(train[column])))
    return best[0], (str(names[best[1]]), str(names[best[2]]))


def _read_clips(corpus: Corpus) -> _Clips:
    """Read what is needed of all clips, shard by shard, and no video."""
    refs = sorted(corpus.clips, key=lambda ref: (ref.shard, ref.row))
    tables = [
        _read_rows(corpus, shard, [ref.row for ref in group])
        for shard, group in groupby(refs, key=lambda ref: ref.shard)
    ]
    order = sorted(range(len(refs)), key=lambda i: refs[i].clip_id)
    table = pa.concat_tables(tables).take(pa.array(order)).combine_chunks()
    refs = [refs[i] for i in order]
    return _Clips(
        clip_id=np.array([ref.clip_id for ref in refs]),
        source_id=np.array([ref.source_id for ref in refs]),
        duration_s=np.array([ref.duration_s for ref in refs]),
        sharpness=np.asarray(table["sharpness"].combine_chunks().fill_null(0.0)),
        identity=_vectors(table["identity"].combine_chunks()),
        frame_hashes=_ragged(table["frame_hashes"].combine_chunks()),
        audio_fingerprint=_ragged(table["audio_fingerprint"].combine_chunks()),
    )


_COLUMNS = pa.schema(
    [
        ("identity", pa.list_(pa.float32(), 128)),
        ("frame_hashes", pa.list_(pa.int64())),
        ("audio_fingerprint", pa.list_(pa.int32())),
        ("sharpness", pa.float64()),
    ]
)


def _read_rows(corpus: Corpus, shard: str, rows: Sequence[int]) -> pa.Table:
    """Read some rows of a shard; a column that it lacks is empty, and the log says so."""
    store, name = locate(corpus.store, shard)
    try:
        file = pq.ParquetFile(store.open(name))
    except FileNotFoundError as error:
        raise EmoforgeError(
            f"the shard {store.uri(name)} is missing; the index of {corpus.place} points to it"
        ) from error
    there = [column for column in _COLUMNS.names if column in file.schema_arrow.names]
    table = file.read(columns=there).take(pa.array(rows))
    for missing in sorted(set(_COLUMNS.names) - set(there)):
        log.warning("%s has no column %s: what it would tell of duplicates is left out", store.uri(name), missing)
        table = table.append_column(missing, pa.nulls(table.num_rows, _COLUMNS.field(missing).type))
    return table.select(_COLUMNS.names).cast(_COLUMNS)


def _vectors(column: pa.Array) -> NDArray[np.float32]:
    """Return (n, 128) unit vectors; zeros where there is none."""
    vectors = np.zeros((len(column), 128), np.float32)
    known = np.asarray(column.is_valid())
    vectors[known] = np.asarray(column.drop_null().flatten()).reshape(-1, 128)
    return vectors


def _ragged(column: pa.Array) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """Return a list column as (values, offsets); a missing list is empty."""
    lengths = np.asarray(column.value_lengths().fill_null(0), np.int64)
    return np.asarray(column.flatten()), np.concatenate([[0], np.cumsum(lengths)])
