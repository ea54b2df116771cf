"""The commit protocol: what makes a curation run restartable, exact, and the same under every executor.

    RUN/plan.jsonl            the sources in order, each in a partition; only ever appended to
    RUN/work/00000/           one file an outcome, written whole by whichever worker had the source
    RUN/shards/part-00000...  a partition's kept clips, in source order
    RUN/committed/00000/      its tables (clips, outcomes, index): there, or not there, as one rename

Partitions are committed in order, so that which of two identical files is the duplicate does not depend on who was
faster. A committed partition is never touched again. `kill -9` loses at most the sources in flight.
"""

import json
import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from curate import shards
from curate.durable import sync
from curate.records import Outcome, SourceEntry

TABLES = ("clips", "outcomes", "index")

_OUTCOME_FIELDS: list[tuple[str, pa.DataType]] = [
    ("source_id", pa.string()),
    ("uri", pa.string()),
    ("outcome", pa.string()),
    ("reason", pa.string()),
    ("n_clips", pa.int32()),
    ("error", pa.string()),
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


def plan(run: Path, entries: Sequence[SourceEntry], *, partition_size: int) -> list[Task]:
    """Return all of the run's tasks; sources that it did not know yet go into new partitions."""
    file = run / "plan.jsonl"
    known = _read_plan(file)
    seen = {_key(task.entry) for task in known}
    new = [entry for entry in entries if _key(entry) not in seen]
    first = known[-1].partition + 1 if known else 0
    tasks = known + [
        Task(partition=first + i // partition_size, place=i % partition_size, entry=entry)
        for i, entry in enumerate(new)
    ]
    if new:
        lines = (json.dumps(asdict(task)) for task in tasks)
        _write_whole(file, "\n".join(lines).encode() + b"\n")
    return tasks


def left_to_do(run: Path, tasks: Sequence[Task]) -> list[Task]:
    """Return the tasks whose partition is not committed and whose outcome is not there."""
    return [task for task in tasks if not _committed(run, task.partition).is_dir() and not _file(run, task).is_file()]


def write_outcome(run: Path, task: Task, outcome: Outcome) -> None:
    """Write one source's outcome: there whole, or not there."""
    file = _file(run, task)
    file.parent.mkdir(parents=True, exist_ok=True)
    scratch = file.with_name(f".tmp-{os.getpid()}-{file.name}")
    facts = {name: getattr(outcome, name) for name in OUTCOMES_SCHEMA.names}
    schema = outcome.clips.schema.with_metadata({"outcome": json.dumps(facts)})
    shards.write_rows(scratch, [outcome.clips], schema)
    sync(scratch)
    scratch.replace(file)


def commit_ready(run: Path, tasks: Sequence[Task], *, score_names: Sequence[str], shard_bytes: int) -> Iterator[int]:
    """Commit, in order, every partition whose outcomes are all there; yield each one's number."""
    by_partition: dict[int, list[Task]] = {}
    for task in tasks:
        by_partition.setdefault(task.partition, []).append(task)
    for partition, members in sorted(by_partition.items()):
        if _committed(run, partition).is_dir():
            shutil.rmtree(run / "work" / f"{partition:05d}", ignore_errors=True)
            continue
        if not all(_file(run, task).is_file() for task in members):
            return
        _commit(run, partition, members, score_names=score_names, shard_bytes=shard_bytes)
        yield partition


def write_tables(run: Path, score_names: Sequence[str]) -> None:
    """Write the run's clips, outcomes and index tables from its committed partitions."""
    schemas = {"clips": shards.clips_schema(score_names), "outcomes": OUTCOMES_SCHEMA, "index": INDEX_SCHEMA}
    committed = sorted(path for path in (run / "committed").glob("[0-9]*"))
    for name, schema in schemas.items():
        scratch = run / f".tmp-{name}.parquet"
        with pq.ParquetWriter(scratch, schema, compression="zstd") as writer:
            for partition in committed:
                writer.write_table(pq.read_table(partition / f"{name}.parquet", schema=schema))
        sync(scratch)
        scratch.replace(run / f"{name}.parquet")


def _read_plan(file: Path) -> list[Task]:
    if not file.exists():
        return []
    return [_task(json.loads(line)) for line in file.read_text(encoding="utf-8").splitlines()]


def _task(values: dict[str, Any]) -> Task:
    return Task(**values | {"entry": SourceEntry(**values["entry"])})


def _key(entry: SourceEntry) -> tuple[str, float | None, float | None]:
    """One uri may be named several times, for different spans."""
    return entry.uri, entry.start_s, entry.end_s


def _file(run: Path, task: Task) -> Path:
    return run / "work" / f"{task.partition:05d}" / f"{task.place:05d}.parquet"


def _committed(run: Path, partition: int) -> Path:
    return run / "committed" / f"{partition:05d}"


def _commit(
    run: Path, partition: int, members: Sequence[Task], *, score_names: Sequence[str], shard_bytes: int
) -> None:
    facts = _without_duplicates(run, partition, [_facts(_file(run, task)) for task in members])
    files = [
        _file(run, task) for task, fact in zip(members, facts, strict=True) if not fact["reason"].startswith(DUPLICATE)
    ]
    index = _write_shards(run, partition, files, score_names, shard_bytes)
    clips = pa.concat_tables(
        [shards.clips_schema(score_names).empty_table()]
        + [pq.read_table(file, columns=shards.clips_schema(score_names).names) for file in files]
    )
    _write_committed(
        run, partition, {"clips": clips, "outcomes": pa.Table.from_pylist(facts, OUTCOMES_SCHEMA), "index": index}
    )
    shutil.rmtree(run / "work" / f"{partition:05d}", ignore_errors=True)


DUPLICATE = "duplicate"


def _without_duplicates(run: Path, partition: int, facts: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Reject every source whose bytes an earlier one (in source order) already had."""
    first_uri = dict(_earlier_sources(run, partition))
    checked = []
    for fact in facts:
        original = first_uri.setdefault(fact["source_id"], fact["uri"]) if fact["source_id"] else fact["uri"]
        if original != fact["uri"]:
            text = f"the same bytes as {original}"
            fact = fact | {"outcome": "rejected", "reason": DUPLICATE, "n_clips": 0, "error": text}
        checked.append(fact)
    return checked


def _earlier_sources(run: Path, partition: int) -> Iterator[tuple[str, str]]:
    for earlier in sorted((run / "committed").glob("[0-9]*")):
        if int(earlier.name) < partition:
            table = pq.read_table(earlier / "outcomes.parquet", columns=["source_id", "uri", "reason"])
            table = table.filter(pc.field("source_id").is_valid() & (pc.field("reason") != DUPLICATE))
            yield from zip(table["source_id"].to_pylist(), table["uri"].to_pylist(), strict=True)


def _facts(file: Path) -> dict[str, Any]:
    facts: dict[str, Any] = json.loads(pq.read_schema(file).metadata[b"outcome"])
    return facts


def _write_shards(
    run: Path, partition: int, files: Sequence[Path], score_names: Sequence[str], shard_bytes: int
) -> pa.Table:
    """Write the partition's kept clips as shards of at most about `shard_bytes`; return their index."""
    (run / "shards").mkdir(exist_ok=True)
    schema, rows = shards.shard_schema(score_names), []
    for number, group in enumerate(_by_size(files, shard_bytes)):
        name = f"shards/part-{partition:05d}" + (f"-{number:03d}" if number else "") + ".parquet"
        scratch = run / "shards" / f".tmp-{Path(name).name}"
        shards.write_rows(scratch, (_kept(file) for file in group), schema)
        sync(scratch)
        rows += _index_rows(scratch, name)
        scratch.replace(run / name)
    return pa.Table.from_pylist(rows, INDEX_SCHEMA)


def _by_size(files: Sequence[Path], shard_bytes: int) -> Iterator[list[Path]]:
    """Group the files that hold a kept clip, by their size on disk."""
    group: list[Path] = []
    size = 0
    for file in files:
        if not _facts(file)["n_clips"]:
            continue
        if group and size + file.stat().st_size > shard_bytes:
            yield group
            group, size = [], 0
        group.append(file)
        size += file.stat().st_size
    if group:
        yield group


def _kept(file: Path) -> pa.Table:
    return pq.read_table(file, filters=pc.field("dropped_by").is_null())


def _index_rows(file: Path, name: str) -> list[dict[str, Any]]:
    columns = pq.read_table(file, columns=["clip_id", "source_id", "n_frames", "duration_s"]).to_pylist()
    return [
        values | {"shard": name, "row": row} | vars(blob)
        for row, (values, blob) in enumerate(zip(columns, shards.locate_blobs(file), strict=True))
    ]


def _write_committed(run: Path, partition: int, tables: dict[str, pa.Table]) -> None:
    """Write a partition's tables into a scratch folder and rename it into place: the commit."""
    scratch = run / "committed" / f".tmp-{partition:05d}"
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    for name, table in tables.items():
        pq.write_table(table, scratch / f"{name}.parquet", compression="zstd")
        sync(scratch / f"{name}.parquet")
    sync(scratch)
    scratch.rename(_committed(run, partition))
    sync(run / "committed")


def _write_whole(file: Path, content: bytes) -> None:
    scratch = file.with_name(f".tmp-{file.name}")
    scratch.write_bytes(content)
    sync(scratch)
    scratch.replace(file)
