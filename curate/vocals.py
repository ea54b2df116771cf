"""Writes the separated vocals of a corpus beside its shards: one file a shard, and the table of `vocals_table.py`.

    RUN/vocals.parquet                  a row a clip: where its vocals lie, or why there are none; written last
    RUN/vocals/KEY/NAME-1.parquet       one shard's vocals, in its order, as plain FLAC; KEY is of their separator
    RUN/vocals/KEY/committed/...        the commit of such a file: its rows of the table; written after it
    RUN/vocals/KEY/work/NAME/...        one file a clip, until all of the shard's are there

Only what a commit names is believed, and a committed file is never touched again: when more clips of a shard are
wanted, a new version of its file holds the old and the new. The table changes to the new versions at once, and what it
no longer names is deleted after that. `kill -9` loses at most the clips in flight.
"""

import hashlib
import logging
import mmap
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path, PurePosixPath

import pyarrow as pa
import pyarrow.parquet as pq

from curate.corpus import ClipRef
from curate.errors import EmoforgeError
from curate.store import SCRATCH, Folder, Store
from curate.vocals_table import TABLE, TABLE_SCHEMA

log = logging.getLogger(__name__)

FOLDER = "vocals"
_FILE_SCHEMA = pa.schema(
    [("row", pa.int64()), ("clip_id", pa.string()), ("audio", pa.binary())]
    + [(name, pa.string()) for name in ("reason", "error")]
)
_ROWS_A_GROUP = 16


@dataclass(frozen=True, kw_only=True)
class Separated:
    """How a clip ended: its vocals as FLAC, or None and why."""

    audio: bytes | None = None
    reason: str = ""
    error: str = ""


def write_separated(store: Store, ref: ClipRef, separated: Separated, *, separator: str) -> None:
    """Write how one clip ended: there whole, or not there."""
    row = {"row": ref.row, "clip_id": ref.clip_id, **vars(separated)}
    with store.writing(_work_name(ref, separator)) as file:
        pq.write_table(pa.Table.from_pylist([row], _FILE_SCHEMA), file, compression="none")


class VocalsCommits:
    """What is there of the vocals of some clips: commits a shard's file as the last of them comes in.

    With `retry`, clips that failed are to be done again. Only for who holds the corpus' lock.
    """

    def __init__(self, store: Store, refs: Sequence[ClipRef], *, separator: str, retry: bool = False) -> None:
        self._store = store
        self._separator = separator
        self._folder = _folder(separator)
        _tidy(store)
        there = store.sizes(self._folder)
        self._commits = _latest_commits(store, self._folder, there)
        wanted = [ref for ref in refs if not self._is_committed(ref, retry=retry)]
        self._wanted: dict[str, dict[str, ClipRef]] = {}
        for ref in wanted:
            self._wanted.setdefault(ref.shard, {})[ref.clip_id] = ref
        self._left = {
            shard: {clip_id for clip_id, ref in members.items() if _work_name(ref, separator) not in there}
            for shard, members in self._wanted.items()
        }

    def left_to_do(self) -> list[ClipRef]:
        """Return the clips that are not committed and whose end is not written."""
        return [self._wanted[shard][clip_id] for shard, left in self._left.items() for clip_id in sorted(left)]

    def commit_ready(self) -> None:
        """Commit the shards whose clips have all ended."""
        for shard in [shard for shard, left in self._left.items() if not left]:
            self._commit(shard)

    def ended(self, ref: ClipRef) -> None:
        """Take note that a clip's end is written; commit its shard if it was the last."""
        self._left[ref.shard].discard(ref.clip_id)
        if not self._left[ref.shard]:
            self._commit(ref.shard)

    def write_table(self) -> pa.Table:
        """Write and return the corpus' table; then delete what it doesn't name."""
        tables = [self._commits[shard].table for shard in sorted(self._commits)]
        table = pa.concat_tables([TABLE_SCHEMA.empty_table(), *tables])
        with self._store.writing(TABLE) as file:
            pq.write_table(table, file, compression="zstd")
        named = {name for commit in self._commits.values() for name in (commit.file, commit.name)}
        try:
            there = self._store.sizes(FOLDER).keys()
            others = {"/".join(name.split("/")[:2]) for name in there} - {self._folder}
            own = {name for name in there if name.startswith(f"{self._folder}/")}
            for name in sorted(others | own - named):
                self._store.delete(name)
        except EmoforgeError as error:  # what stays does no harm
            log.warning("vocals that are no longer used stay: %s", error)
        return table

    def _is_committed(self, ref: ClipRef, *, retry: bool) -> bool:
        commit = self._commits.get(_shard_name(ref.shard))
        reason = None if commit is None else commit.reasons.get(ref.clip_id)
        return reason is not None and not (retry and reason)

    def _commit(self, shard: str) -> None:
        before = self._commits.get(_shard_name(shard))
        version = before.version + 1 if before else 1
        file = f"{self._folder}/{_shard_name(shard)}-{version}.parquet"
        rows = self._rows(shard, before)
        with self._store.writing(file) as written:
            _write_file(rows, written)
            spans = list(_spans(written))
        table = rows.select(["clip_id", "reason", "error"]).to_pylist()
        table = [
            row | {"file": file if size else "", "offset": offset, "size": size, "separator": self._separator}
            for row, (offset, size) in zip(table, spans, strict=True)
        ]
        commit = _Commit(file=file, version=version, table=pa.Table.from_pylist(table, TABLE_SCHEMA))
        with self._store.writing(commit.name) as written:
            pq.write_table(commit.table, written, compression="zstd")
        self._commits[_shard_name(shard)] = commit
        del self._left[shard], self._wanted[shard]
        self._store.delete(f"{self._folder}/work/{_shard_name(shard)}")

    def _rows(self, shard: str, before: "_Commit | None") -> pa.Table:
        """Return the shard's rows in its order: the new ends, and what an earlier version holds of other clips."""
        ends = [_work_name(ref, self._separator) for ref in self._wanted[shard].values()]
        contents = self._store.read_all(ends)
        tables = [pq.read_table(pa.BufferReader(content)) for content in contents]
        if before is not None and before.table.num_rows:
            earlier = pq.read_table(self._store.open(before.file))
            kept = [clip_id not in self._wanted[shard] for clip_id in earlier["clip_id"].to_pylist()]
            tables.append(earlier.filter(pa.array(kept)))
        return pa.concat_tables(tables).sort_by("row").combine_chunks()


@dataclass(frozen=True, kw_only=True, eq=False)
class _Commit:
    """A committed version of a shard's vocals, and its rows of the table."""

    file: str
    version: int
    table: pa.Table

    @property
    def name(self) -> str:
        return _commit_name(self.file)

    @cached_property
    def reasons(self) -> dict[str, str]:
        """Why each clip has no vocals; empty for one that has."""
        return dict(zip(self.table["clip_id"].to_pylist(), self.table["reason"].to_pylist(), strict=True))


def _latest_commits(store: Store, folder: str, there: Mapping[str, int]) -> dict[str, _Commit]:
    """Return the newest commit of each shard by its name, without rows where its file is gone or cut off."""
    pattern = re.compile(re.escape(f"{folder}/committed/") + r"(.+)-(\d+)\.parquet")
    versions: dict[str, int] = {}
    for match in filter(None, map(pattern.fullmatch, there)):
        versions[match[1]] = max(versions.get(match[1], 0), int(match[2]))
    files = [f"{folder}/{shard}-{version}.parquet" for shard, version in versions.items()]
    contents = store.read_all([_commit_name(file) for file in files])
    commits = {}
    for (shard, version), file, content in zip(versions.items(), files, contents, strict=True):
        try:
            table = pq.read_table(pa.BufferReader(content))
        except pa.ArrowException:
            table = TABLE_SCHEMA.empty_table()
        if there.get(file, 0) < _end(table):
            table = TABLE_SCHEMA.empty_table()
        if not table.num_rows:
            log.warning("%s is damaged or missing; its clips are separated again", store.uri(file))
        commits[shard] = _Commit(file=file, version=version, table=table)
    return commits


def _end(table: pa.Table) -> int:
    """Return how many bytes the file of these rows has at the least."""
    return max(map(sum, zip(table["offset"].to_pylist(), table["size"].to_pylist(), strict=True)), default=0)


def _tidy(store: Store) -> None:
    """Remove what killed writers left half written; an object store has none of it."""
    store.tidy()
    if isinstance(store, Folder):
        for scratch in (store.path / FOLDER).rglob(f"{SCRATCH}*"):
            with suppress(OSError):
                scratch.unlink()


@lru_cache
def _folder(separator: str) -> str:
    return f"{FOLDER}/{_digest(separator)}"


def _work_name(ref: ClipRef, separator: str) -> str:
    return f"{_folder(separator)}/work/{_shard_name(ref.shard)}/{_digest(ref.clip_id)}.parquet"


@lru_cache
def _shard_name(shard: str) -> str:
    """Return what its files are called: a shard may lie anywhere and have any name."""
    readable = re.sub(r"[^A-Za-z0-9-]+", "_", PurePosixPath(shard).stem)[:40]
    return f"{readable}-{_digest(shard)}"


def _commit_name(file: str) -> str:
    folder, _, name = file.rpartition("/")
    return f"{folder}/committed/{name}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _write_file(rows: pa.Table, file: Path) -> None:
    """Write a shard's vocals, each in one piece of the file's bytes."""
    small = [name for name in rows.column_names if name != "audio"]
    pq.write_table(
        rows,
        file,
        row_group_size=_ROWS_A_GROUP,
        use_dictionary=small,
        compression={name: "ZSTD" if name in small else "NONE" for name in rows.column_names},
        write_statistics=small,
    )


def _spans(file: Path) -> Iterator[tuple[int, int]]:
    """Yield (offset, size) of each row's FLAC in a shard's vocals; (-1, 0) where there is none."""
    parquet = pq.ParquetFile(file, memory_map=True)
    with file.open("rb") as opened, mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as content:
        at = 0
        for flac in parquet.read(columns=["audio"])["audio"].to_pylist():
            if flac is None:
                yield -1, 0
                continue
            # PLAIN: each value follows its length, four bytes, little end first
            at = content.find(len(flac).to_bytes(4, "little") + flac, at) + 4
            if at < 4:
                raise ValueError("a clip's vocals do not lie in one piece")
            yield at, len(flac)
            at += len(flac)
