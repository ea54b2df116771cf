"""The commit protocol: whatever the order and wherever it is cut off, the same bytes, and nothing lost or doubled."""

import itertools
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from curate import outcomes
from curate.corpus import open_corpus
from curate.errors import EmoforgeError
from curate.outcomes import Task
from curate.records import Outcome, SourceEntry
from curate.scoring import sum_up
from curate.shards import outcome_schema

SCORES = ["duration_s", "sharpness"]


def made(uri: str, *, n_kept: int = 1, n_dropped: int = 1, content: str | None = None) -> Outcome:
    """An outcome whose clips' bytes tell their source."""
    source_id = (content or uri).ljust(16, "_")[:16]
    rows: list[dict[str, Any]] = [
        {
            "clip_id": f"{source_id}-{place}", "source_id": source_id, "uri": uri, "duration_s": 4.0, "n_frames": 100,
            "sharpness": float(place), "dropped_by": None if place < n_kept else "sharpness",
            "dropped_detail": "" if place < n_kept else "sharpness is 1, under 2",
            "video": {"bytes": f"video of {source_id} {place}".encode() * 50} if place < n_kept else None,
        }
        for place in range(n_kept + n_dropped)
    ]  # fmt: skip
    clips = pa.Table.from_pylist(rows, outcome_schema(SCORES))
    return Outcome(source_id=source_id, uri=uri, clips=clips, **sum_up(rows))


def entries(*uris: str) -> list[SourceEntry]:
    return [SourceEntry(uri=uri) for uri in uris]


def commit(run: Path, tasks: list[Task]) -> list[int]:
    done = list(outcomes.commit_ready(run, tasks, score_names=SCORES, shard_bytes=1 << 30))
    outcomes.write_tables(run, SCORES)
    return done


def files(run: Path) -> dict[str, bytes]:
    kept = [path for path in run.rglob("*.parquet") if "work" not in path.parts]
    return {path.relative_to(run).as_posix(): path.read_bytes() for path in kept}


def corpus(run: Path, order: list[int]) -> dict[str, bytes]:
    """Six sources in partitions of two; the fifth has the bytes of the second; they end in the given order."""
    run.mkdir()
    tasks = outcomes.plan(run, entries(*(f"video{i}" for i in range(6))), partition_size=2)
    for place in order:
        content = "video1" if place == 4 else None
        outcomes.write_outcome(run, tasks[place], made(tasks[place].entry.uri, content=content, n_kept=place % 3))
        commit(run, tasks)
    return files(run)


def test_any_order_of_ending_gives_the_same_bytes(tmp_path: Path) -> None:
    orders = [list(order) for order in itertools.islice(itertools.permutations(range(6)), 0, 720, 97)]
    runs = [corpus(tmp_path / str(number), order) for number, order in enumerate(orders)]
    assert all(run == runs[0] for run in runs)
    assert len(runs) > 5


def test_the_later_of_two_identical_files_is_the_duplicate(tmp_path: Path) -> None:
    corpus(tmp_path / "run", [4, 5, 3, 2, 1, 0])
    rows = pq.read_table(tmp_path / "run" / "outcomes.parquet").to_pylist()
    assert [row["uri"] for row in rows] == [f"video{i}" for i in range(6)]
    assert (rows[4]["outcome"], rows[4]["reason"]) == ("rejected", "duplicate")
    assert "video1" in rows[4]["error"]
    clips = pq.read_table(tmp_path / "run" / "clips.parquet")["clip_id"].to_pylist()
    assert len(clips) == len(set(clips))


def test_an_index_row_finds_its_clip(tmp_path: Path) -> None:
    corpus(tmp_path / "run", [0, 1, 2, 3, 4, 5])
    opened = open_corpus(tmp_path / "run")
    assert len(opened.clips) == sum(i % 3 for i in (0, 1, 2, 3, 5))
    for ref in opened.clips:
        place = ref.clip_id.split("-")[1]
        assert opened.video(ref) == f"video of {ref.source_id} {place}".encode() * 50
        assert opened.row(ref, ["clip_id"])["clip_id"] == ref.clip_id


def test_an_incomplete_partition_waits_and_blocks_the_later_ones(tmp_path: Path) -> None:
    tasks = outcomes.plan(tmp_path, entries("a", "b", "c", "d"), partition_size=2)
    for place in (0, 2, 3):
        outcomes.write_outcome(tmp_path, tasks[place], made(tasks[place].entry.uri))
    assert commit(tmp_path, tasks) == []
    assert outcomes.left_to_do(tmp_path, tasks) == [tasks[1]]
    outcomes.write_outcome(tmp_path, tasks[1], made("b"))
    assert commit(tmp_path, tasks) == [0, 1]
    assert outcomes.left_to_do(tmp_path, tasks) == []


def test_cut_off_at_any_step_of_a_commit_it_ends_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stop before each write that reaches the disk's names, in turn; then start again."""
    whole = corpus(tmp_path / "whole", [0, 1, 2, 3, 4, 5])

    class Killed(BaseException):
        pass

    for steps in range(1, 40):
        run = tmp_path / f"cut{steps}"
        run.mkdir()
        left = iter(range(steps))

        def sync(path: Path, left: Any = left) -> None:
            if next(left, None) is None:
                raise Killed

        def work(run: Path = run) -> None:
            tasks = outcomes.plan(run, entries(*(f"video{i}" for i in range(6))), partition_size=2)
            for task in outcomes.left_to_do(run, tasks):
                place = int(task.entry.uri.removeprefix("video"))
                content = "video1" if place == 4 else None
                outcomes.write_outcome(run, task, made(task.entry.uri, content=content, n_kept=place % 3))
            commit(run, tasks)

        with monkeypatch.context() as patch:
            patch.setattr(outcomes, "sync", sync)
            try:
                work()
            except Killed:
                killed = True
            else:
                killed = False
        work()
        assert {name: content for name, content in files(run).items() if ".tmp" not in name} == whole, steps
        if not killed:
            return
    pytest.fail("the run never got through")


def test_new_sources_make_new_partitions_and_leave_the_old(tmp_path: Path) -> None:
    first = outcomes.plan(tmp_path, entries("a", "b", "c"), partition_size=2)
    again = outcomes.plan(tmp_path, entries("new", "a", "b", "c"), partition_size=2)
    assert again[:3] == first
    assert again[3] == Task(partition=2, place=0, entry=SourceEntry(uri="new"))
    assert outcomes.plan(tmp_path, entries("a"), partition_size=2) == again


def test_a_large_partition_is_split_into_shards(tmp_path: Path) -> None:
    tasks = outcomes.plan(tmp_path, entries("a", "b", "c"), partition_size=3)
    for task in tasks:
        outcomes.write_outcome(tmp_path, task, made(task.entry.uri))
    list(outcomes.commit_ready(tmp_path, tasks, score_names=SCORES, shard_bytes=1))
    names = sorted(path.name for path in (tmp_path / "shards").iterdir())
    assert names == ["part-00000-001.parquet", "part-00000-002.parquet", "part-00000.parquet"]


def test_a_corpus_that_is_none_says_so(tmp_path: Path) -> None:
    with pytest.raises(EmoforgeError, match="not a curated corpus"):
        open_corpus(tmp_path)
    (tmp_path / "index.parquet").write_bytes(b"no parquet at all")
    with pytest.raises(EmoforgeError, match="can't be read"):
        open_corpus(tmp_path)
    tasks = outcomes.plan(tmp_path, entries("a"), partition_size=1)
    outcomes.write_outcome(tmp_path, tasks[0], made("a", n_kept=0))
    commit(tmp_path, tasks)
    with pytest.raises(EmoforgeError, match="holds no clip"):
        open_corpus(tmp_path)


def test_a_missing_or_cut_shard_is_named(tmp_path: Path) -> None:
    corpus(tmp_path / "run", [0, 1, 2, 3, 4, 5])
    opened = open_corpus(tmp_path / "run")
    ref = opened.clips[-1]
    shard = tmp_path / "run" / ref.shard
    shard.write_bytes(shard.read_bytes()[: ref.video_offset + 5])
    with pytest.raises(EmoforgeError, match="cut off"):
        opened.video(ref)
    shard.unlink()
    with pytest.raises(EmoforgeError, match="missing"):
        opened.video(ref)
