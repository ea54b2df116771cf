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

import json
import logging
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from curate import shards
from curate.errors import EmoforgeError
from curate.originals import DUPLICATE, Originals
from curate.partitions import INDEX_SCHEMA, PartitionWriter, committed, read_table
from curate.records import Outcome, SourceEntry
from curate.store import Place, Store, open_store

log = logging.getLogger(__name__)

PLAN = "plan.jsonl"

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


def write_outcome(run: Place, task: Task, outcome: Outcome) -> None:
    """Write one source's outcome: there whole, or not there."""
    span = {"start_s": task.entry.start_s, "end_s": task.entry.end_s}
    facts = {field.name: getattr(outcome, field.name) for field in fields(outcome) if field.name != "clips"} | span
    schema = outcome.clips.schema.with_metadata({"outcome": json.dumps(facts)})
    tables = [outcome.clips] if isinstance(outcome.clips, pa.Table) else outcome.clips.tables()
    with open_store(run).writing(_name(task)) as file:
        shards.write_rows(file, tables, schema)


def write_tables(run: Place, score_names: Sequence[str]) -> None:
    """Write the run's clips, outcomes and index tables from its committed partitions."""
    store = open_store(run)
    schemas = {"clips": shards.clips_schema(score_names), "outcomes": OUTCOMES_SCHEMA, "index": INDEX_SCHEMA}
    partitions = committed(store)
    for name, schema in schemas.items():
        with store.writing(f"{name}.parquet") as file, pq.ParquetWriter(file, schema, compression="zstd") as writer:
            for partition in partitions:
                writer.write_table(read_table(store, partition, name, schema=schema))


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
        return [
            task
            for task in self._tasks
            if task.partition not in self._committed and task.place not in self._there.get(task.partition, ())
        ]

    def ended(self, task: Task) -> list[int]:
        """Take note that a task's outcome is written; return the partitions that could now be committed, and are."""
        self._there.setdefault(task.partition, set()).add(task.place)
        return self.commit_ready()

    def commit_ready(self) -> list[int]:
        """Commit, in order, every partition whose outcomes are all there; return their numbers."""
        done = []
        while self._next in self._committed or self._is_complete(self._next):
            if self._next not in self._committed:
                self._commit(self._next)
                done.append(self._next)
            self._next += 1
        return done

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
        writer = PartitionWriter(self._store, partition)
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


def _earlier(store: Store, tasks: Sequence[Task], partition: int) -> Originals:
    """Return what the partitions before this one hold, all of them committed."""
    originals = Originals(tasks)
    columns = ["source_id", "packet_hash", "reason"]
    members = [task for task in tasks if task.partition < partition]
    rows: Iterable[dict[str, Any]] = (
        row
        for earlier in dict.fromkeys(task.partition for task in members)
        for row in read_table(store, earlier, "outcomes", columns=columns).to_pylist()
    )
    for task, row in zip(members, rows, strict=True):
        if row["reason"] != DUPLICATE:
            originals.first(task, row)
    return originals


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


def _facts(store: Store, task: Task) -> dict[str, Any]:
    try:
        facts: dict[str, Any] = json.loads(pq.read_schema(store.open(_name(task))).metadata[b"outcome"])
    except FileNotFoundError as error:
        raise EmoforgeError(
            f"the outcome of {task.entry.uri} is not in {store.uri(_name(task))}, where its worker wrote it: does "
            f"every node see {store.uri()} as the same place?"
        ) from error
    return facts
