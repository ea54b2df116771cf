"""The commit protocol: what makes a curation run restartable, exact, and the same under every executor.

    RUN/plan.jsonl            the sources in order, each in a partition; only ever appended to
    RUN/work/00000/           one file an outcome, written whole by whichever worker had the source
    RUN/shards/part-00000...  a partition's kept clips, in source order
    RUN/committed/00000/      its tables: clips, outcomes, index
    RUN/committed/00000.json  the commit: names these files with size and sha256; written last, whole or not at all

RUN is a folder or an object store. Only what a commit names is believed; what a killed run left beside it is written
again, to the same bytes. Partitions are committed in order, so that which of two identical files is the duplicate does
not depend on who was faster. A committed partition is never touched again. `kill -9` loses at most the sources in
flight.
"""

import hashlib
import json
import logging
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from curate import shards
from curate.errors import EmoforgeError
from curate.records import Outcome, SourceEntry
from curate.store import Place, Store, open_store

log = logging.getLogger(__name__)

PLAN = "plan.jsonl"
TABLES = ("clips", "outcomes", "index")
DUPLICATE = "duplicate"

_OUTCOME_FIELDS: list[tuple[str, pa.DataType]] = [
    ("source_id", pa.string()),
    ("uri", pa.string()),
    ("outcome", pa.string()),
    ("reason", pa.string()),
    ("n_clips", pa.int32()),
    ("error", pa.string()),
    ("packet_hash", pa.string()),
    ("start_s", pa.float64()),  # the part of the source that its entry names
    ("end_s", pa.float64()),
]
OUTCOMES_SCHEMA = pa.schema(_OUTCOME_FIELDS)
INDEX_SCHEMA = pa.schema(
    [("clip_id", pa.string()), ("source_id", pa.string()), ("shard", pa.string()), ("row", pa.int64())]
    + [(name, pa.int64()) for name in ("video_offset", "video_size", "audio_offset", "audio_size", "n_frames")]
    + [("duration_s", pa.float64())]
)


@dataclass(frozen=True, kw_only=True)
class Task:
    """One source to do: its place in its partition, and what the user said of it."""

    partition: int
    place: int
    entry: SourceEntry


def plan(run: Place, entries: Sequence[SourceEntry], *, partition_size: int) -> list[Task]:
    """Return all of the run's tasks in order; sources that it did not know yet go into new partitions."""
    store = open_store(run)
    known = _read_plan(store)
    seen = {_key(task.entry) for task in known}
    new = []
    for entry in entries:
        if _key(entry) not in seen:
            seen.add(_key(entry))
            new.append(entry)
    first = known[-1].partition + 1 if known else 0
    tasks = known + [
        Task(partition=first + i // partition_size, place=i % partition_size, entry=entry)
        for i, entry in enumerate(new)
    ]
    if new:
        store.write(PLAN, "".join(map(_line, tasks)).encode())
    return tasks


def left_to_do(run: Place, tasks: Sequence[Task]) -> list[Task]:
    """Return the tasks whose partition is not committed and whose outcome is not there."""
    return Commits(run, tasks, score_names=(), shard_bytes=0).left_to_do()


def write_outcome(run: Place, task: Task, outcome: Outcome) -> None:
    """Write one source's outcome: there whole, or not there."""
    span = {"start_s": task.entry.start_s, "end_s": task.entry.end_s}
    facts = {field.name: getattr(outcome, field.name) for field in fields(outcome) if field.name != "clips"} | span
    schema = outcome.clips.schema.with_metadata({"outcome": json.dumps(facts)})
    with open_store(run).writing(_name(task)) as file:
        shards.write_rows(file, [outcome.clips], schema)


def commit_ready(run: Place, tasks: Sequence[Task], *, score_names: Sequence[str], shard_bytes: int) -> Iterator[int]:
    """Commit, in order, every partition whose outcomes are all there; yield each one's number."""
    yield from Commits(run, tasks, score_names=score_names, shard_bytes=shard_bytes).commit_ready()


def write_tables(run: Place, score_names: Sequence[str]) -> None:
    """Write the run's clips, outcomes and index tables from its committed partitions."""
    store = open_store(run)
    schemas = {"clips": shards.clips_schema(score_names), "outcomes": OUTCOMES_SCHEMA, "index": INDEX_SCHEMA}
    partitions = committed(store)
    for name, schema in schemas.items():
        with store.writing(f"{name}.parquet") as file, pq.ParquetWriter(file, schema, compression="zstd") as writer:
            for partition in partitions:
                writer.write_table(pq.read_table(store.open(_table_name(partition, name)), schema=schema))


def committed(run: Place) -> list[int]:
    """Return the numbers of the committed partitions; EmoforgeError if a file of one is gone or has another size."""
    store = open_store(run)
    there = store.sizes("committed")
    commits = sorted(name for name in there if name.count("/") == 1 and name.endswith(".json"))
    there |= store.sizes("shards") if commits else {}
    for name, content in zip(commits, store.read_all(commits), strict=True):
        _check_files(store, name, content, there)
    return [int(Path(name).stem) for name in commits]


class Commits:
    """What is there of a plan's outcomes: commits partitions, in order, as the last of their outcomes come in.

    It looks into the run once; after that it is told of every outcome, so that a million sources cost no more than
    a million small steps. `tasks` are all of the plan's, in its order.
    """

    def __init__(self, run: Place, tasks: Sequence[Task], *, score_names: Sequence[str], shard_bytes: int) -> None:
        self._store = open_store(run)
        self._tasks = tasks
        self._score_names = score_names
        self._shard_bytes = shard_bytes
        self._committed = set(committed(self._store))
        self._there = self._find_outcomes()
        self._next = 0
        self._originals: Originals | None = None

    def left_to_do(self) -> list[Task]:
        """Return the tasks whose partition is not committed and whose outcome is not there."""
        none: set[int] = set()
        return [
            task
            for task in self._tasks
            if task.partition not in self._committed and task.place not in self._there.get(task.partition, none)
        ]

    def ended(self, task: Task) -> list[int]:
        """Take note that a task's outcome is written; return the partitions that could now be committed, and are."""
        self._there.setdefault(task.partition, set()).add(task.place)
        return list(self.commit_ready())

    def commit_ready(self) -> Iterator[int]:
        """Commit, in order, every partition whose outcomes are all there; yield each one's number."""
        while self._next in self._committed or self._is_complete(self._next):
            if self._next not in self._committed:
                self._commit(self._next)
                yield self._next
            self._next += 1

    def _find_outcomes(self) -> dict[int, set[int]]:
        """Return the places with an outcome, by partition; those of a committed partition are of no more use."""
        there: dict[int, set[int]] = {}
        for name in self._store.sizes("work"):
            _, partition, place = name.split("/")
            there.setdefault(int(partition), set()).add(int(Path(place).stem))
        for done in there.keys() & self._committed:
            self._drop_work(done)
            del there[done]
        return there

    def _members(self, partition: int) -> Sequence[Task]:
        begin = bisect_left(self._tasks, partition, key=lambda task: task.partition)
        end = bisect_left(self._tasks, partition + 1, key=lambda task: task.partition)
        return self._tasks[begin:end]

    def _is_complete(self, partition: int) -> bool:
        members = self._members(partition)
        return bool(members) and len(self._there.get(partition, ())) == len(members)

    def _commit(self, partition: int) -> None:
        if self._originals is None:
            self._originals = _earlier(self._store, self._tasks, partition)
        members = self._members(partition)
        facts = [self._originals.checked(task, _facts(self._store, task)) for task in members]
        by_name = {_name(task): fact for task, fact in zip(members, facts, strict=True)}
        writer = _PartitionWriter(self._store, partition)
        kept = [name for name, fact in by_name.items() if fact["n_clips"]]
        writer.write_shards(kept, self._score_names, self._shard_bytes)
        writer.write_table("clips", self._clips(name for name, fact in by_name.items() if fact["reason"] != DUPLICATE))
        writer.write_table("outcomes", pa.Table.from_pylist(facts, OUTCOMES_SCHEMA))
        writer.write_table("index", pa.Table.from_pylist(writer.index, INDEX_SCHEMA))
        writer.commit()
        self._committed.add(partition)
        self._there.pop(partition, None)
        self._drop_work(partition)

    def _clips(self, outcomes: Iterable[str]) -> pa.Table:
        schema = shards.clips_schema(self._score_names)
        tables = (pq.read_table(self._store.open(name), columns=schema.names) for name in outcomes)
        return pa.concat_tables([schema.empty_table(), *(table.select(schema.names).cast(schema) for table in tables)])

    def _drop_work(self, partition: int) -> None:
        """What can't be deleted does no harm: a commit counts for more."""
        try:
            self._store.delete(f"work/{partition:05d}")
        except EmoforgeError as error:
            log.warning("outcomes of the committed partition %d stay: %s", partition, error)


class Originals:
    """Which source had a content first: the same video packets (the same bytes where they aren't known), same span."""

    def __init__(self, tasks: Sequence[Task]) -> None:
        self._tasks = tasks
        self._first: dict[bytes, int] = {}  # no more than a short hash and a number a source

    def checked(self, task: Task, facts: dict[str, Any]) -> dict[str, Any]:
        """Return a task's facts, as a rejected duplicate if an earlier task had its content; call it in order."""
        original = self.first(task, facts)
        if original is None or original is task:
            return facts
        text = f"the same video as {original.entry.uri}"
        return facts | {"outcome": "rejected", "reason": DUPLICATE, "n_clips": 0, "error": text}

    def first(self, task: Task, facts: Mapping[str, Any]) -> Task | None:
        """Return the first task with this content, which is this one if none was seen; None if it is not known."""
        kind = "packet_hash" if facts.get("packet_hash") else "source_id"
        if not facts.get(kind):
            return None
        content = f"{kind} {facts[kind]} {task.entry.start_s} {task.entry.end_s}"
        place = bisect_left(self._tasks, (task.partition, task.place), key=lambda t: (t.partition, t.place))
        key = hashlib.blake2b(content.encode(), digest_size=12).digest()
        return self._tasks[self._first.setdefault(key, place)]


def _earlier(store: Store, tasks: Sequence[Task], partition: int) -> Originals:
    """Return what the partitions before this one hold, all of them committed."""
    originals = Originals(tasks)
    columns = ["source_id", "packet_hash", "reason"]
    members = [task for task in tasks if task.partition < partition]
    rows: Iterable[dict[str, Any]] = (
        row
        for earlier in dict.fromkeys(task.partition for task in members)
        for row in pq.read_table(store.open(_table_name(earlier, "outcomes")), columns=columns).to_pylist()
    )
    for task, row in zip(members, rows, strict=True):
        if row["reason"] != DUPLICATE:
            originals.first(task, row)
    return originals


class _PartitionWriter:
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
            shards.write_rows(file, map(self._kept, outcomes), schema)
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

    def _kept(self, name: str) -> pa.Table:
        return pq.read_table(self._store.open(name), filters=pc.field("dropped_by").is_null())


def _read_plan(store: Store) -> list[Task]:
    try:
        text = store.read(PLAN).decode()
    except FileNotFoundError:
        return []
    try:
        return [_task(json.loads(line)) for line in text.splitlines()]
    except (ValueError, TypeError, KeyError) as error:
        raise EmoforgeError(f"{store.uri(PLAN)} is not a plan ({error}); choose another --out") from error


def _line(task: Task) -> str:
    entry = vars(task.entry) | {"extra": dict(task.entry.extra)}
    return json.dumps({"partition": task.partition, "place": task.place, "entry": entry}) + "\n"


def _task(values: dict[str, Any]) -> Task:
    return Task(**values | {"entry": SourceEntry(**values["entry"])})


def _key(entry: SourceEntry) -> tuple[str, float | None, float | None]:
    """One uri may be named several times, for different spans."""
    return entry.uri, entry.start_s, entry.end_s


def _name(task: Task) -> str:
    return f"work/{task.partition:05d}/{task.place:05d}.parquet"


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


def _facts(store: Store, task: Task) -> dict[str, Any]:
    try:
        facts: dict[str, Any] = json.loads(pq.read_schema(store.open(_name(task))).metadata[b"outcome"])
    except FileNotFoundError as error:
        raise EmoforgeError(
            f"the outcome of {task.entry.uri} is not in {store.uri(_name(task))}, where its worker wrote it: does "
            f"every node see {store.uri()} as the same place?"
        ) from error
    return facts


def _index_rows(file: Path, name: str) -> list[dict[str, Any]]:
    columns = pq.read_table(file, columns=["clip_id", "source_id", "n_frames", "duration_s"]).to_pylist()
    return [
        values | {"shard": name, "row": row} | vars(blob)
        for row, (values, blob) in enumerate(zip(columns, shards.locate_blobs(file), strict=True))
    ]
