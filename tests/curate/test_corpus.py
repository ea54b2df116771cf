"""Reading a corpus: a clip costs one read of exactly its size, a row its row group, wherever the corpus lies."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from curate import outcomes
from curate.corpus import open_corpus
from curate.errors import EmoforgeError
from curate.records import Outcome, SourceEntry
from curate.scoring import sum_up
from curate.shards import outcome_schema
from curate.store import Place, open_store

VIDEO = b"a clip of some bytes " * 1000


class Counted(MemoryFileSystem):  # type: ignore[misc]  # fsspec has no types
    """A file system that keeps what was asked of it."""

    protocol = "counted"
    store: ClassVar[dict[str, Any]] = {}
    pseudo_dirs: ClassVar[list[str]] = [""]
    asked: ClassVar[list[tuple[str, int | None, int | None]]] = []

    def cat_file(self, path: str, start: int | None = None, end: int | None = None, **options: Any) -> bytes:
        Counted.asked.append((path, start, end))
        content: bytes = super().cat_file(path, start=start, end=end, **options)
        return content

    def _open(self, path: str, *arguments: Any, **options: Any) -> Any:
        Counted.asked.append((path, None, None))
        return super()._open(path, *arguments, **options)


@pytest.fixture
def counted() -> Iterator[str]:
    fsspec.register_implementation("counted", Counted, clobber=True)
    Counted.store.clear()
    yield "counted://corpora/one"
    Counted.store.clear()


def write_corpus(place: Place, *, clips: int = 40) -> None:
    (task,) = outcomes.plan(place, [SourceEntry(uri="made")], partition_size=1)
    rows = [
        {"clip_id": f"{i:016x}", "source_id": "made", "uri": "made", "duration_s": 1.0, "n_frames": 25,
         "yaw_deg": [float(i)] * 25, "video": {"bytes": VIDEO + bytes([i]) * i, "path": f"{i}.mp4"},
         "audio": {"bytes": bytes([i]) * 100, "path": f"{i}.flac"}, "dropped_by": None}
        for i in range(clips)
    ]  # fmt: skip
    table = pa.Table.from_pylist(rows, outcome_schema([]))
    outcomes.write_outcome(place, task, Outcome(source_id="made", uri="made", clips=table, **sum_up(rows)))
    assert outcomes.Commits(place, [task], score_names=[], shard_bytes=1 << 30).commit_ready() == [0]
    outcomes.write_tables(place, [])


def test_a_clip_is_one_range_read_of_exactly_its_size(counted: str) -> None:
    write_corpus(counted)
    corpus = open_corpus(counted)
    for number, ref in enumerate(corpus.clips):
        Counted.asked.clear()
        assert corpus.video(ref) == VIDEO + bytes([number]) * number
        offset, size = ref.video_offset, ref.video_size
        assert [(start, end) for _, start, end in Counted.asked] == [(offset, offset + size)]
        assert size == len(VIDEO) + number
        assert Counted.asked[0][0].endswith("one/shards/part-00000.parquet")


def test_a_clip_of_a_folder_is_one_read_of_exactly_its_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_corpus(tmp_path)
    corpus = open_corpus(tmp_path)
    reads: list[tuple[str, int, int]] = []
    opened = Path.open

    class Counting:
        def __init__(self, file: Any, name: str) -> None:
            self.file, self.name = file, name

        def __enter__(self) -> "Counting":
            return self

        def __exit__(self, *_: object) -> None:
            self.file.close()

        def seek(self, at: int) -> None:
            self.file.seek(at)

        def read(self, size: int) -> bytes:
            reads.append((self.name, self.file.tell(), size))
            content: bytes = self.file.read(size)
            return content

    def open_counted(self: Path, mode: str, buffering: int) -> Counting:
        assert (mode, buffering) == ("rb", 0), "Python's own buffer would read more"
        return Counting(opened(self, mode, buffering), self.name)

    monkeypatch.setattr(Path, "open", open_counted)
    for ref in corpus.clips:
        reads.clear()
        assert corpus.video(ref).startswith(VIDEO)
        assert reads == [("part-00000.parquet", ref.video_offset, ref.video_size)]


def test_a_row_reads_its_group_and_its_columns_only(counted: str, tmp_path: Path) -> None:
    write_corpus(counted)
    write_corpus(tmp_path)
    there, here = open_corpus(counted), open_corpus(tmp_path)
    for number in (0, 15, 16, 39):
        for corpus in (there, here):
            row = corpus.row(corpus.clips[number], ["clip_id", "yaw_deg"])
            assert row == {"clip_id": f"{number:016x}", "yaw_deg": [float(number)] * 25}


def test_a_row_that_the_shard_has_not_is_named(tmp_path: Path) -> None:
    write_corpus(tmp_path, clips=3)
    index = pq.read_table(tmp_path / "index.parquet").to_pylist()
    pq.write_table(pa.Table.from_pylist([row | {"row": 3} for row in index]), tmp_path / "index.parquet")
    corpus = open_corpus(tmp_path)
    with pytest.raises(EmoforgeError, match=r"part-00000\.parquet has no row 3"):
        corpus.row(corpus.clips[0], ["clip_id"])


def test_an_index_may_point_into_another_store(counted: str, tmp_path: Path) -> None:
    write_corpus(counted, clips=3)
    index = pq.read_table(open_store(counted).open("index.parquet")).to_pylist()
    rows = [row | {"shard": f"{counted}/{row['shard']}"} for row in index]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "index.parquet")
    corpus = open_corpus(tmp_path)
    assert corpus.video(corpus.clips[2]) == VIDEO + bytes([2]) * 2
    assert corpus.row(corpus.clips[2], ["uri"]) == {"uri": "made"}
    open_store(counted).delete("shards")
    with pytest.raises(EmoforgeError, match=rf"the shard {counted}/shards/part-00000.parquet is missing"):
        corpus.video(corpus.clips[2])
