"""A committed partition: its shards and tables, and the commit that names them, written last."""

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from curate import shards
from curate.errors import EmoforgeError
from curate.store import Place, Store, open_store

INDEX_SCHEMA = pa.schema(
    [("clip_id", pa.string()), ("source_id", pa.string()), ("shard", pa.string()), ("row", pa.int64())]
    + [(name, pa.int64()) for name in ("video_offset", "video_size", "audio_offset", "audio_size", "n_frames")]
    + [("duration_s", pa.float64())]
)


def committed(run: Place) -> list[int]:
    """Return the numbers of the committed partitions; EmoforgeError if a file of one is gone or has another size."""
    store = open_store(run)
    there = store.sizes("committed")
    commits = sorted((name for name in there if re.fullmatch(r"committed/\d+\.json", name)), key=_number)
    there |= store.sizes("shards") if commits else {}
    for name, content in zip(commits, store.read_all(commits), strict=True):
        _check_files(store, name, content, there)
    return [_number(name) for name in commits]


def read_table(store: Store, partition: int, name: str, **options: Any) -> pa.Table:
    """Return (some columns of) a committed partition's table."""
    # these tables are small: one request for all of one is less than one for each of its parts
    return pq.read_table(pa.BufferReader(store.read(_table_name(partition, name))), **options)


class PartitionWriter:
    """Writes one partition's files, then the commit that names them."""

    def __init__(self, store: Store, partition: int) -> None:
        self._store = store
        self._partition = partition
        self._files: dict[str, dict[str, Any]] = {}
        self.index: list[dict[str, Any]] = []

    def write_shards(self, outcomes: Sequence[str], score_names: Sequence[str], shard_bytes: int) -> None:
        """Write the kept clips of these outcomes, which all have one, as shards of at most about `shard_bytes`."""
        schema = shards.shard_schema(score_names)
        for number, group in enumerate(self._by_size(outcomes, shard_bytes)):
            name = f"shards/part-{self._partition:05d}" + (f"-{number:03d}" if number else "") + ".parquet"
            self._write_shard(name, group, schema)

    def write_table(self, name: str, table: pa.Table) -> None:
        """Write one of the partition's tables."""
        self._write(_table_name(self._partition, name), lambda file: pq.write_table(table, file, compression="zstd"))

    def commit(self) -> None:
        """Make all that was written count, at once."""
        record = {"partition": self._partition, "files": self._files}
        self._store.write(f"committed/{self._partition:05d}.json", json.dumps(record, indent=1).encode() + b"\n")

    def _write(self, name: str, write: Callable[[Path], object]) -> None:
        with self._store.writing(name) as file:
            write(file)
            with file.open("rb") as written:
                digest = hashlib.file_digest(written, "sha256").hexdigest()
            self._files[name] = {"size": file.stat().st_size, "sha256": digest}

    def _write_shard(self, name: str, outcomes: Sequence[str], schema: pa.Schema) -> None:
        def write(file: Path) -> None:
            shards.write_rows(file, chain.from_iterable(map(self._kept, outcomes)), schema)
            self.index += _index_rows(file, name)

        self._write(name, write)

    def _by_size(self, outcomes: Sequence[str], shard_bytes: int) -> Iterator[list[str]]:
        """Group outcomes by their files' sizes."""
        sizes = self._store.sizes(f"work/{self._partition:05d}")
        group: list[str] = []
        size = 0
        for name in outcomes:
            if group and size + sizes[name] > shard_bytes:
                yield group
                group, size = [], 0
            group.append(name)
            size += sizes[name]
        if group:
            yield group

    def _kept(self, name: str) -> Iterator[pa.Table]:
        """Yield an outcome's kept rows, some at a time: a long video's clips are more than memory should hold."""
        outcome = pq.ParquetFile(self._store.open(name))
        for group in range(outcome.num_row_groups):
            yield outcome.read_row_group(group).filter(pc.field("dropped_by").is_null())


def _number(commit: str) -> int:
    return int(Path(commit).stem)


def _table_name(partition: int, name: str) -> str:
    return f"committed/{partition:05d}/{name}.parquet"


def _check_files(store: Store, commit: str, content: bytes, there: Mapping[str, int]) -> None:
    try:
        files = {name: facts["size"] for name, facts in json.loads(content)["files"].items()}
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise EmoforgeError(f"{store.uri(commit)} is damaged; put back the file as it was") from error
    for name, size in files.items():
        if there.get(name) != size:
            found = f"has {there[name]} bytes, not {size}" if name in there else "is missing"
            raise EmoforgeError(
                f"{store.uri(name)} {found}, though {store.uri(commit)} names it; put back the file as it was, or "
                "curate into a new folder"
            )


def _index_rows(file: Path, name: str) -> list[dict[str, Any]]:
    columns = pq.read_table(file, columns=["clip_id", "source_id", "n_frames", "duration_s"]).to_pylist()
    return [
        values | {"shard": name, "row": row} | vars(blob)
        for row, (values, blob) in enumerate(zip(columns, shards.locate_blobs(file), strict=True))
    ]
