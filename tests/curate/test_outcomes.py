"""The commit protocol: whatever the order and wherever it is cut off, the same bytes, and nothing lost or doubled."""

import hashlib
import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from curate import outcomes, partitions, store
from curate.corpus import open_corpus
from curate.errors import EmoforgeError
from curate.outcomes import Task
from curate.records import Outcome, SourceEntry
from curate.scoring import sum_up
from curate.shards import outcome_schema
from tests.object_store import bucket

SCORES = ["duration_s", "sharpness"]


def made(
    uri: str, *, n_kept: int = 1, n_dropped: int = 1, content: str | None = None, packets: str | None = None
) -> Outcome:
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
    return Outcome(source_id=source_id, uri=uri, clips=clips, packet_hash=packets, **sum_up(rows))


def entries(*uris: str) -> list[SourceEntry]:
    return [SourceEntry(uri=uri) for uri in uris]


def commit(run: store.Place, tasks: list[Task]) -> list[int]:
    done = outcomes.Commits(run, tasks, score_names=SCORES, shard_bytes=1 << 30).commit_ready()
    outcomes.write_tables(run, SCORES)
    return done


def left_to_do(run: store.Place, tasks: list[Task]) -> list[Task]:
    return outcomes.Commits(run, tasks, score_names=SCORES, shard_bytes=1 << 30).left_to_do()


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


def reasons(run: Path, *sources: tuple[SourceEntry, Outcome]) -> list[str]:
    """Why each of these sources, two in a partition, was refused."""
    tasks = outcomes.plan(run, [entry for entry, _ in sources], partition_size=2)
    for task, (_, outcome) in zip(tasks, sources, strict=True):
        outcomes.write_outcome(run, task, outcome)
        commit(run, tasks)
    rows = pq.read_table(run / "outcomes.parquet").to_pylist()
    assert [row["outcome"] for row in rows] == ["rejected" if row["reason"] else "kept" for row in rows]
    return [row["reason"] + (row["error"] and f": {row['error'].split()[-1]}") for row in rows]


def test_the_same_packets_in_another_container_are_a_duplicate(tmp_path: Path) -> None:
    found = reasons(
        tmp_path,
        (SourceEntry(uri="a.mp4"), made("a.mp4", packets="p1")),
        (SourceEntry(uri="b.mp4"), made("b.mp4", packets="p2")),
        (SourceEntry(uri="a.mkv"), made("a.mkv", packets="p1")),
        (SourceEntry(uri="copy.mp4"), made("copy.mp4", content="b.mp4", packets="p2")),
        (SourceEntry(uri="again.mkv"), made("again.mkv", packets="p1")),
    )
    assert found == ["", "", "duplicate: a.mp4", "duplicate: b.mp4", "duplicate: a.mp4"]


def test_the_bytes_decide_where_packets_are_not_known(tmp_path: Path) -> None:
    found = reasons(
        tmp_path,
        (SourceEntry(uri="a"), made("a")),
        (SourceEntry(uri="b"), made("b", content="a")),
        (SourceEntry(uri="c"), made("c", content="other", packets="p")),
    )
    assert found == ["", "duplicate: a", ""]


def test_other_spans_of_one_video_are_no_duplicates(tmp_path: Path) -> None:
    spans = [(0.0, 5.0), (5.0, 9.0), (None, None), (0.0, 5.0)]
    sources = [SourceEntry(uri=uri, start_s=s, end_s=e) for uri, (s, e) in zip("aaab", spans, strict=True)]
    contents = ["first", "second", "whole", "first"]
    found = reasons(
        tmp_path,
        *((source, made(source.uri, content=c, packets="p")) for source, c in zip(sources, contents, strict=True)),
    )
    assert found == ["", "", "", "duplicate: a"]
    table = pq.read_table(tmp_path / "outcomes.parquet")
    assert table.select(["start_s", "end_s"]).to_pylist() == [{"start_s": s, "end_s": e} for s, e in spans]
    assert table["packet_hash"].to_pylist() == ["p"] * 4


def test_a_duplicate_is_found_after_a_restart(tmp_path: Path) -> None:
    first = outcomes.plan(tmp_path, entries("a"), partition_size=1)
    outcomes.write_outcome(tmp_path, first[0], made("a", packets="p"))
    commit(tmp_path, first)
    tasks = outcomes.plan(tmp_path, entries("a", "b"), partition_size=1)
    commits = outcomes.Commits(tmp_path, tasks, score_names=SCORES, shard_bytes=1 << 30)
    assert commits.left_to_do() == [tasks[1]]
    outcomes.write_outcome(tmp_path, tasks[1], made("b", packets="p"))
    assert commits.ended(tasks[1]) == [1]
    outcomes.write_tables(tmp_path, SCORES)
    assert pq.read_table(tmp_path / "outcomes.parquet")["reason"].to_pylist() == ["", "duplicate"]


def test_told_of_each_outcome_it_commits_the_same_and_looks_only_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = [4, 1, 5, 0, 3, 2]
    whole = corpus(tmp_path / "asked", order)
    run = tmp_path / "told"
    tasks = outcomes.plan(run, entries(*(f"video{i}" for i in range(6))), partition_size=2)
    commits = outcomes.Commits(run, tasks, score_names=SCORES, shard_bytes=1 << 30)
    listed: list[str] = []
    sizes = store.Folder.sizes

    def listing(self: store.Folder, name: str) -> dict[str, int]:
        listed.append(name)
        return sizes(self, name)

    monkeypatch.setattr(store.Folder, "sizes", listing)
    done = []
    for place in order:
        content = "video1" if place == 4 else None
        outcomes.write_outcome(run, tasks[place], made(f"video{place}", content=content, n_kept=place % 3))
        done.append(commits.ended(tasks[place]))
    assert done == [[], [], [], [0], [], [1, 2]]
    assert len(listed) == 3, "one listing a committed partition, none for an outcome"
    outcomes.write_tables(run, SCORES)
    assert files(run) == whole


def test_a_commit_names_its_files_by_size_and_sha256(tmp_path: Path) -> None:
    whole = corpus(tmp_path / "run", [0, 1, 2, 3, 4, 5])
    named: dict[str, dict[str, Any]] = {}
    for commit_file in sorted((tmp_path / "run" / "committed").glob("*.json")):
        named |= json.loads(commit_file.read_text())["files"]
    tables = {"clips.parquet", "outcomes.parquet", "index.parquet"}
    assert named == {
        name: {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        for name, content in whole.items()
        if name not in tables
    }
    assert not list((tmp_path / "run" / "work").iterdir())


def test_only_what_is_committed_is_believed_and_it_is_never_written_again(tmp_path: Path) -> None:
    tasks = outcomes.plan(tmp_path, entries("a", "b"), partition_size=1)
    outcomes.write_outcome(tmp_path, tasks[0], made("a"))
    commit(tmp_path, tasks)
    whole = files(tmp_path)
    (tmp_path / "shards" / "part-00001.parquet").write_bytes(b"half a shard of a killed run")
    (tmp_path / "committed" / "00001").mkdir()
    (tmp_path / "committed" / "00001" / "clips.parquet").write_bytes(b"its table")
    written = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*00000*") if path.is_file()}
    assert len(written) == 2
    commit(tmp_path, tasks)
    assert pq.read_table(tmp_path / "outcomes.parquet")["uri"].to_pylist() == ["a"]
    outcomes.write_outcome(tmp_path, tasks[1], made("b"))
    assert commit(tmp_path, tasks) == [1]
    assert pq.read_table(tmp_path / "outcomes.parquet")["uri"].to_pylist() == ["a", "b"]
    assert {path: path.stat().st_mtime_ns for path in written} == written
    assert whole["shards/part-00000.parquet"] == files(tmp_path)["shards/part-00000.parquet"]


@pytest.mark.parametrize("name", ["shards/part-00001.parquet", "committed/00000/outcomes.parquet"])
def test_a_committed_file_that_went_away_is_named(tmp_path: Path, name: str) -> None:
    corpus(tmp_path / "run", [0, 1, 2, 3, 4, 5])
    tasks = outcomes.plan(tmp_path / "run", [], partition_size=2)
    (tmp_path / "run" / name).write_bytes(b"cut")
    with pytest.raises(EmoforgeError, match=f"{name} has 3 bytes, not"):
        left_to_do(tmp_path / "run", tasks)
    (tmp_path / "run" / name).unlink()
    with pytest.raises(EmoforgeError, match=f"{name} is missing, though .*json names it"):
        left_to_do(tmp_path / "run", tasks)


def test_work_that_could_not_be_deleted_does_no_harm(tmp_path: Path) -> None:
    whole = corpus(tmp_path / "run", [0, 1, 2, 3, 4, 5])
    tasks = outcomes.plan(tmp_path / "run", [], partition_size=2)
    outcomes.write_outcome(tmp_path / "run", tasks[0], made("video0", n_kept=2))
    assert left_to_do(tmp_path / "run", tasks) == []
    assert commit(tmp_path / "run", tasks) == []
    assert files(tmp_path / "run") == whole


def test_an_outcome_that_its_worker_wrote_elsewhere_is_explained(tmp_path: Path) -> None:
    tasks = outcomes.plan(tmp_path, entries("a"), partition_size=1)
    commits = outcomes.Commits(tmp_path, tasks, score_names=SCORES, shard_bytes=1 << 30)
    with pytest.raises(EmoforgeError, match=r"the outcome of a is not in .* does every node see"):
        commits.ended(tasks[0])
    outcomes.write_outcome(tmp_path, tasks[0], made("a"))
    assert commits.ended(tasks[0]) == [0], "and the same commit goes on when it is there"


def test_partitions_are_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    """Also where a number has more digits than the names are padded to."""
    for number in (99_999, 100_000):
        store.open_store(tmp_path).write(f"committed/{number}.json", b'{"files": {}}')
    assert partitions.committed(tmp_path) == [99_999, 100_000]


def test_a_plan_is_read_as_it_was_written(tmp_path: Path) -> None:
    entry = SourceEntry(
        uri="s3://b/ä.mp4", licence="cc-by", attribution="A", consent_ref="c", start_s=1.5, end_s=2.5, domain="singing",
        extra={"show": "x"},
    )  # fmt: skip
    planned = outcomes.plan(tmp_path, [entry, entry, SourceEntry(uri="b")], partition_size=5)
    assert [task.entry.uri for task in planned] == [entry.uri, "b"], "named twice, done once"
    assert outcomes.plan(tmp_path, [], partition_size=5) == planned
    (tmp_path / "plan.jsonl").write_text("{}\n")
    with pytest.raises(EmoforgeError, match=r"plan\.jsonl is not a plan"):
        outcomes.plan(tmp_path, [], partition_size=5)


def test_a_bucket_holds_the_same_bytes_as_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = corpus(tmp_path / "run", [0, 1, 2, 3, 4, 5])
    with bucket(monkeypatch) as address:
        tasks = outcomes.plan(address, entries(*(f"video{i}" for i in range(6))), partition_size=2)
        for place in (5, 0, 3, 1, 4, 2):
            content = "video1" if place == 4 else None
            outcomes.write_outcome(address, tasks[place], made(f"video{place}", content=content, n_kept=place % 3))
            commit(address, tasks)
        there = store.open_store(address)
        assert {n: there.read(n) for n in there.sizes("") if n.endswith(".parquet")} == whole
        assert there.sizes("work") == {}
        local, remote = open_corpus(tmp_path / "run"), open_corpus(address)
        assert remote.clips == local.clips
        assert [remote.video(ref) for ref in remote.clips] == [local.video(ref) for ref in local.clips]
        assert remote.row(remote.clips[-1], ["uri"]) == local.row(local.clips[-1], ["uri"])
        there.delete("shards/part-00000.parquet")
        with pytest.raises(EmoforgeError, match=f"{address}/shards/part-00000.parquet is missing"):
            left_to_do(address, tasks)


def test_a_disk_that_fills_at_any_write_stops_the_run_and_the_same_steps_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = corpus(tmp_path / "whole", [0, 1, 2, 3, 4, 5])
    run = tmp_path / "run"
    replace = Path.replace
    room: Iterator[int] = iter(())

    def full_or_replace(self: Path, target: Path) -> Path:
        if next(room, None) is None:
            raise OSError(28, "No space left on device", str(self))
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", full_or_replace)
    for tries in range(1, 100):
        room = iter(range(tries))
        try:
            tasks = outcomes.plan(run, entries(*(f"video{i}" for i in range(6))), partition_size=2)
            for task in left_to_do(run, tasks):
                place = int(task.entry.uri.removeprefix("video"))
                content = "video1" if place == 4 else None
                outcomes.write_outcome(run, task, made(task.entry.uri, content=content, n_kept=place % 3))
            commit(run, tasks)
        except EmoforgeError as error:
            assert "No space left on device" in str(error)  # noqa: PT017 - which try it is, is not known
            assert not list(run.rglob(".tmp*"))
            continue
        break
    assert tries > 5
    assert files(run) == whole


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
    assert left_to_do(tmp_path, tasks) == [tasks[1]]
    outcomes.write_outcome(tmp_path, tasks[1], made("b"))
    assert commit(tmp_path, tasks) == [0, 1]
    assert left_to_do(tmp_path, tasks) == []


def test_cut_off_at_any_step_of_a_commit_it_ends_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stop before each write that reaches the disk's names, in turn; then start again."""
    monkeypatch.setattr(store, "sync", lambda path: None)  # nothing here needs a disk that is asked to hurry
    whole = corpus(tmp_path / "whole", [0, 1, 2, 3, 4, 5])

    class Killed(BaseException):
        pass

    for steps in range(1, 100):
        run = tmp_path / f"cut{steps}"
        run.mkdir()
        left = iter(range(steps))

        def sync(path: Path, left: Any = left) -> None:
            if next(left, None) is None:
                raise Killed

        def work(run: Path = run) -> None:
            tasks = outcomes.plan(run, entries(*(f"video{i}" for i in range(6))), partition_size=2)
            for task in left_to_do(run, tasks):
                place = int(task.entry.uri.removeprefix("video"))
                content = "video1" if place == 4 else None
                outcomes.write_outcome(run, task, made(task.entry.uri, content=content, n_kept=place % 3))
            commit(run, tasks)

        with monkeypatch.context() as patch:
            patch.setattr(store, "sync", sync)
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
    assert outcomes.Commits(tmp_path, tasks, score_names=SCORES, shard_bytes=1).commit_ready() == [0]
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
