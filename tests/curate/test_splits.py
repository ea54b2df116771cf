"""Splits: no person, source or copy on two sides, proven by a check that can fail; the shares; stability."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from numpy.typing import NDArray

from curate.clusters import identity_clusters
from curate.errors import EmoforgeError
from curate.outcomes import INDEX_SCHEMA
from curate.shards import shard_schema
from curate.splits import SPLITS, check_splits, components, split_corpus

Vector = NDArray[np.float32]


def faces(persons: int, *, each: int = 1, seed: int = 0) -> Vector:
    """Embeddings as dlib's lie: one person's near a cosine of 0.98, two persons' near 0.83."""
    generator = np.random.default_rng(seed)
    shared = generator.normal(size=128)
    own = generator.normal(size=(persons, 128))
    centres = 0.91 * shared / np.linalg.norm(shared) + 0.41 * own / np.linalg.norm(own, axis=1, keepdims=True)
    noisy = np.repeat(centres, each, axis=0) + generator.normal(0, 0.012, (persons * each, 128))
    return (noisy / np.linalg.norm(noisy, axis=1, keepdims=True)).astype(np.float32)


def words(seed: int) -> tuple[list[int], list[int]]:
    generator = np.random.default_rng(seed)
    return generator.integers(1, 2**62, 40).tolist(), generator.integers(1, 2**31, 113).tolist()


def written(run: Path, rows: list[dict[str, Any]], *, shards: int = 3) -> Path:
    """A corpus with these rows and no media."""
    (run / "shards").mkdir(parents=True)
    index = []
    for number in range(shards):
        name, part = f"shards/part-{number:05d}.parquet", rows[number::shards]
        pq.write_table(pa.Table.from_pylist(part, shard_schema(["sharpness"])), run / name, row_group_size=4)
        index += [
            {key: row[key] for key in ("clip_id", "source_id", "duration_s")} | {"shard": name, "row": at}
            for at, row in enumerate(part)
        ]
    filled = [dict.fromkeys(INDEX_SCHEMA.names, 0) | row for row in index]
    pq.write_table(pa.Table.from_pylist(filled, INDEX_SCHEMA), run / "index.parquet")
    return run


def people(persons: int, *, each: int = 3, seed: int = 0) -> list[dict[str, Any]]:
    """One source a person, `each` clips a source."""
    identity = faces(persons, each=each, seed=seed)
    rows = []
    for i in range(persons * each):
        hashes, sound = words(seed * 100_000 + i)
        rows.append(
            {
                "clip_id": f"{(i * 7919) % 1_000_003:016x}", "source_id": f"source{i // each:05d}", "duration_s": 8.0,
                "sharpness": 5.0, "identity": identity[i].tolist(), "frame_hashes": hashes, "audio_fingerprint": sound,
            }
        )  # fmt: skip
    return rows


def splits(run: Path, **options: Any) -> dict[str, dict[str, Any]]:
    split_corpus(run, **options)
    return {row["clip_id"]: row for row in pq.read_table(run / SPLITS).to_pylist()}


def test_what_is_joined_stays_together_and_copies_name_the_kept_one(tmp_path: Path) -> None:
    rows = people(40)
    rows[5]["source_id"] = rows[8]["source_id"]  # a source that shows two persons
    rows[30] |= {"frame_hashes": rows[60]["frame_hashes"][3:], "sharpness": 4.0, "duration_s": 7.4}
    run = written(tmp_path / "run", rows)
    table = splits(run, val=0.2, test=0.2, method="balanced")
    assert list(table) == pq.read_table(run / "index.parquet")["clip_id"].to_pylist()
    one, other = (table[rows[i]["clip_id"]] for i in (30, 60))
    assert one["duplicate_of"] == other["clip_id"]
    assert other["duplicate_of"] is None
    assert one["evidence"]["by"] == "picture"
    assert one["evidence"]["movement"] == 0.0
    assert one["evidence"]["overlap_s"] == pytest.approx(7.4, abs=0.1)
    assert one["component"] == other["component"] == rows[30]["source_id"]
    assert table[rows[3]["clip_id"]]["component"] == table[rows[6]["clip_id"]]["component"]
    assert len({row["component"] for row in table.values()}) == 38
    for i in range(0, 120, 3):
        assert len({table[rows[i + j]["clip_id"]]["identity_cluster"] for j in range(3)}) == 1
    assert {row["split"] for row in table.values()} == {"train", "val", "test"}


def test_balanced_meets_the_shares_and_leaves_none_empty(tmp_path: Path) -> None:
    run = written(tmp_path / "run", people(60))
    table = pa.Table.from_pylist(list(splits(run, val=0.1, test=0.2, method="balanced").values()))
    counts = dict(zip(*np.unique(table["split"].to_pylist(), return_counts=True), strict=True))
    assert counts == {"train": 126, "val": 18, "test": 36}
    few = written(tmp_path / "few", people(4))
    assert {row["split"] for row in splits(few, method="balanced").values()} == {"train", "val", "test"}


def test_stable_splits_outlive_growth_and_the_order_of_the_shards(tmp_path: Path) -> None:
    rows = people(300, each=2)
    early = splits(written(tmp_path / "early", rows[:400]), val=0.2, test=0.2)
    late = splits(written(tmp_path / "late", rows[::-1], shards=2), val=0.2, test=0.2)
    assert {clip: late[clip]["split"] for clip in early} == {clip: row["split"] for clip, row in early.items()}
    share = sum(row["split"] == "test" for row in late.values()) / len(late)
    assert share == pytest.approx(0.2, abs=0.07)
    other = splits(tmp_path / "late", val=0.2, test=0.2, seed=1)
    assert sum(other[clip]["split"] != late[clip]["split"] for clip in late) > 100


def test_the_check_names_the_leak() -> None:
    row = {"clip_id": "a", "split": "train", "source_id": "s", "identity_cluster": "a", "duplicate_cluster": "a"}
    fine = {"clip_id": "b", "split": "test", "source_id": "t", "identity_cluster": "b", "duplicate_cluster": "b"}
    check_splits(pa.Table.from_pylist([row, fine]))
    for key in ("source_id", "identity_cluster", "duplicate_cluster"):
        with pytest.raises(EmoforgeError, match=rf"a \(train\) and b \(test\) share the {key}"):
            check_splits(pa.Table.from_pylist([row, fine | {key: row[key]}]))
    with pytest.raises(EmoforgeError, match="'dev'"):
        check_splits(pa.Table.from_pylist([row | {"split": "dev"}]))


def test_a_split_that_leaks_is_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = written(tmp_path / "run", people(40))
    monkeypatch.setattr("curate.splits.components", lambda source_id, person, copies: np.arange(120).astype(str))
    with pytest.raises(EmoforgeError, match="share the"):
        split_corpus(run, val=0.3, test=0.3)
    assert not (run / SPLITS).exists()


def test_the_nearest_persons_across_splits_are_named(tmp_path: Path) -> None:
    rows = people(30)
    summary = split_corpus(written(tmp_path / "run", rows), val=0.3, test=0.0, method="balanced")
    identity = {row["clip_id"]: np.array(row["identity"]) for row in rows}
    side = {row["clip_id"]: row["split"] for row in summary.table.to_pylist()}
    assert summary.nearest is not None
    one, other = summary.nearest
    assert (side[one], side[other]) == ("val", "train")
    assert summary.nearest_cosine == pytest.approx(float(identity[one] @ identity[other]), abs=0.02)
    most = max(identity[a] @ identity[b] for a in side for b in side if side[a] == "val" and side[b] == "train")
    assert summary.nearest_cosine == pytest.approx(float(most), abs=0.02)


def test_a_corpus_without_fingerprints_is_split_by_what_it_has(tmp_path: Path) -> None:
    rows = [row | {"frame_hashes": None, "audio_fingerprint": None} for row in people(10)]
    table = splits(written(tmp_path / "run", rows))
    assert all(row["duplicate_cluster"] == clip for clip, row in table.items())


def test_impossible_shares_are_refused(tmp_path: Path) -> None:
    with pytest.raises(EmoforgeError, match="below 1"):
        split_corpus(tmp_path, val=0.6, test=0.5)


def test_components_follow_every_link() -> None:
    source = np.array(["d", "c", "b", "a", "a"])
    person = np.array([0, 1, 1, 3, 4])
    copies = np.array([0, 0, 2, 3, 4])
    assert components(source, person, copies).tolist() == ["b", "b", "b", "a", "a"]


def test_persons_are_told_apart_and_no_chain_swallows_them() -> None:
    identity = faces(50, each=6)
    found = identity_clusters(identity)
    assert np.array_equal(found, np.repeat(np.arange(0, 300, 6), 6))
    angle = np.deg2rad(np.arange(0, 90, 5))  # each is like the next (cosine 0.996), the ends have nothing in common
    chain = np.zeros((len(angle), 128), np.float32)
    chain[:, 0], chain[:, 1] = np.cos(angle), np.sin(angle)
    clusters = identity_clusters(chain)
    assert 1 < len(set(clusters.tolist())) < len(angle)
    for first in set(clusters.tolist()):
        members = chain[clusters == first]
        assert (members @ members.T).mean() >= 0.92


def test_clusters_in_cells_are_those_of_the_exact_search(monkeypatch: pytest.MonkeyPatch) -> None:
    identity = faces(400, each=5, seed=3)
    exact = identity_clusters(identity)
    monkeypatch.setattr("curate.clusters.EXACT", 500)
    assert np.array_equal(identity_clusters(identity), exact)


def test_no_face_is_nobody() -> None:
    assert identity_clusters(np.zeros((3, 128), np.float32)).tolist() == [0, 1, 2]
