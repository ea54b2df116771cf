"""The shard format: one Parquet row a clip, video and audio as plain bytes that one range read can fetch.

Media columns are PLAIN, uncompressed and without dictionary, so that a clip's bytes lie in one piece and an index of
offsets makes the shard a blob store; the rest is zstd. Row groups are small (a random read takes one) and capped by
bytes. `pandas`, DuckDB and `datasets` (as Video() and Audio()) open it typed.
"""

import io
import json
import mmap
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from curate.expression import NAMES as EXPRESSIONS

ROWS_A_GROUP = 16
BYTES_A_GROUP = 64 << 20
MEDIA_COLUMNS = ("video", "audio")

_MEDIA = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
_SERIES = pa.list_(pa.float32())

_CLIP_FIELDS: list[tuple[str, pa.DataType]] = [
    ("clip_id", pa.string()),
    ("source_id", pa.string()),
    ("shot", pa.int32()),
    ("start_s", pa.float64()),
    ("end_s", pa.float64()),
    ("duration_s", pa.float64()),
    ("n_frames", pa.int32()),
    ("domain", pa.string()),
]
_PROVENANCE_FIELDS: list[tuple[str, pa.DataType]] = [
    ("uri", pa.string()),
    ("licence", pa.string()),
    ("attribution", pa.string()),
    ("consent_ref", pa.string()),
    ("sha256", pa.string()),
    ("retrieved_at", pa.string()),
    ("rights", pa.string()),
    ("extra", pa.string()),
    ("pipeline_version", pa.string()),
    ("weights_versions", pa.string()),
]
_ENCODED_FIELDS: list[tuple[str, pa.DataType]] = [
    ("fps", pa.float32()),
    ("width", pa.int32()),
    ("height", pa.int32()),
    ("video", _MEDIA),
    ("audio", _MEDIA),
    ("crop", pa.struct([(name, pa.int32()) for name in ("left_px", "top_px", "side_px", "size_px")])),
    ("identity", pa.list_(pa.float32(), 128)),
    ("frame_hashes", pa.list_(pa.int64())),
    ("audio_fingerprint", pa.list_(pa.int32())),
    ("face_box", pa.list_(pa.list_(pa.float32(), 4))),
    ("face_points", pa.list_(pa.list_(pa.float32(), 10))),
    ("yaw_deg", _SERIES),
    ("pitch_deg", _SERIES),
    ("roll_deg", _SERIES),
    ("rotation_speed_deg", _SERIES),
    ("mouth_aperture", _SERIES),
    ("mouth_width", _SERIES),
    ("eye_openness", _SERIES),
    ("expression", pa.list_(pa.list_(pa.float32(), len(EXPRESSIONS)))),
]
_DECISION_FIELDS: list[tuple[str, pa.DataType]] = [
    ("dropped_by", pa.string()),
    ("dropped_detail", pa.string()),
    ("last_scorer", pa.string()),
]


@dataclass(frozen=True, kw_only=True)
class Blob:
    """Where one clip's media lie in the shard's file, in bytes; -1 and 0 when it has no sound."""

    video_offset: int
    video_size: int
    audio_offset: int
    audio_size: int


def shard_schema(score_names: Sequence[str]) -> pa.Schema:
    """Return the schema of a shard: clip, media, per-frame lists, one column a score, provenance."""
    schema = pa.schema(_CLIP_FIELDS + _ENCODED_FIELDS + _scores(score_names) + _PROVENANCE_FIELDS)
    return schema.with_metadata({"huggingface": json.dumps({"info": {"features": _features(schema)}})})


def clips_schema(score_names: Sequence[str]) -> pa.Schema:
    """Return the schema of the clips table: kept and dropped, all scores, no media."""
    return pa.schema(_CLIP_FIELDS + _DECISION_FIELDS + _scores(score_names) + _PROVENANCE_FIELDS)


def outcome_schema(score_names: Sequence[str]) -> pa.Schema:
    """Return the schema of one source's outcome: everything a shard and the clips table need."""
    return pa.schema(_CLIP_FIELDS + _DECISION_FIELDS + _ENCODED_FIELDS + _scores(score_names) + _PROVENANCE_FIELDS)


def write_rows(file: Path, tables: Iterable[pa.Table], schema: pa.Schema) -> int:
    """Write tables as small row groups; return the number of rows. The same rows give the same bytes."""
    leaves = _leaves(schema)
    plain = [path for path in leaves if path.split(".")[0] in MEDIA_COLUMNS]
    small = [path for path in leaves if path not in plain]
    options: dict[str, Any] = {
        "use_dictionary": small,
        "compression": {path: "NONE" if path in plain else "ZSTD" for path in leaves},
        "write_statistics": small,  # the least of some mp4s is of no use to anyone, and costs comparing them all
        "write_page_index": True,
    }
    rows = 0
    with pq.ParquetWriter(file, schema, **options) as writer:
        for group in _groups(tables, schema):
            writer.write_table(group, row_group_size=group.num_rows)
            rows += group.num_rows
    return rows


def locate_blobs(file: Path) -> list[Blob]:
    """Find every row's media in a shard's bytes, checking each byte; ValueError if one doesn't lie in one piece."""
    with file.open("rb") as opened:
        shard = mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ)
    parquet = pq.ParquetFile(file, memory_map=True)
    spans = {name: list(_spans(parquet, shard, name)) for name in MEDIA_COLUMNS}
    return [
        Blob(video_offset=video[0], video_size=video[1], audio_offset=audio[0], audio_size=audio[1])
        for video, audio in zip(spans["video"], spans["audio"], strict=True)
    ]


def _scores(names: Sequence[str]) -> list[tuple[str, pa.DataType]]:
    fixed = {name for name, _ in _CLIP_FIELDS}
    return [(name, pa.float64()) for name in names if name not in fixed]


def _leaves(schema: pa.Schema) -> list[str]:
    """Return the dotted paths of the leaf columns, as Parquet names them."""
    empty = io.BytesIO()
    pq.write_table(schema.empty_table(), empty)
    columns = pq.ParquetFile(empty).schema
    return [columns.column(i).path for i in range(len(columns))]


def _groups(tables: Iterable[pa.Table], schema: pa.Schema) -> Iterator[pa.Table]:
    """Regroup rows: at most ROWS_A_GROUP of them and about BYTES_A_GROUP bytes of media in each."""
    held: list[pa.Table] = []
    rows = held_bytes = 0
    for table in tables:
        typed = table.select(schema.names).cast(schema)
        for begin, end, size, full in _runs(_media_bytes(typed), rows, held_bytes):
            if full:
                yield pa.concat_tables(held).combine_chunks()
                held, rows, held_bytes = [], 0, 0
            held.append(typed.slice(begin, end - begin))
            rows, held_bytes = rows + end - begin, held_bytes + size
    if held:
        yield pa.concat_tables(held).combine_chunks()


def _runs(sizes: Sequence[int], rows: int, held_bytes: int) -> Iterator[tuple[int, int, int, bool]]:
    """Yield (begin, end, bytes, whether a new group begins) of rows that share a group, after `rows` that wait."""
    begin, total, full = 0, 0, False
    for at, size in enumerate(sizes):
        held = rows + at - begin
        if held and (held == ROWS_A_GROUP or held_bytes + total + size > BYTES_A_GROUP):
            if at > begin:
                yield begin, at, total, full
            begin, total, full = at, 0, True
            rows = held_bytes = 0
        total += size
    if len(sizes) > begin:
        yield begin, len(sizes), total, full


def _media_bytes(table: pa.Table) -> list[int]:
    """Return how many bytes of media each row has."""
    sizes = [pc.fill_null(pc.binary_length(pc.struct_field(table[name], "bytes")), 0) for name in MEDIA_COLUMNS]
    total: list[int] = pc.add(*(size.cast(pa.int64()) for size in sizes)).to_pylist()
    return total


def _spans(parquet: pq.ParquetFile, shard: mmap.mmap, column: str) -> Iterator[tuple[int, int]]:
    """Yield (offset, size) of each row's bytes, read group by group in file order."""
    leaf = next(i for i in range(len(parquet.schema)) if parquet.schema.column(i).path == f"{column}.bytes")
    content = np.frombuffer(shard, np.uint8)
    for group in range(parquet.num_row_groups):
        at = parquet.metadata.row_group(group).column(leaf).data_page_offset
        for blob in _blobs(parquet.read_row_group(group, columns=[f"{column}.bytes"])[column]):
            if blob is None:
                yield -1, 0
                continue
            at = _find(shard, content, blob, at)
            if at < 0:
                raise ValueError(f"a clip's {column} does not lie in one piece")
            yield at, len(blob)
            at += len(blob)


def _find(shard: mmap.mmap, content: NDArray[np.uint8], blob: NDArray[np.uint8], at: int) -> int:
    """Return where a PLAIN value's bytes begin, from `at` on, or -1: its length and first bytes, then all compared."""
    # PLAIN: each value follows its length, four bytes, little end first
    start = len(blob).to_bytes(4, "little") + blob[:64].tobytes()
    while (at := shard.find(start, at)) >= 0:
        if np.array_equal(content[at + 4 : at + 4 + len(blob)], blob):
            return at + 4
        at += 1
    return -1


def _blobs(media: pa.ChunkedArray) -> Iterator[NDArray[np.uint8] | None]:
    """Yield each row's bytes as a view, None where there are none."""
    for chunk in pc.struct_field(media, "bytes").chunks:
        ends = np.frombuffer(chunk.buffers()[1], np.int32)[chunk.offset : chunk.offset + len(chunk) + 1]
        values = np.frombuffer(chunk.buffers()[2] or b"", np.uint8)
        for valid, begin, end in zip(chunk.is_valid().to_pylist(), ends[:-1], ends[1:], strict=True):
            yield values[begin:end] if valid else None


def _features(schema: pa.Schema) -> dict[str, Any]:
    """Return the schema as Hugging Face `datasets` describes it."""
    kinds = {"video": {"_type": "Video"}, "audio": {"_type": "Audio"}}
    return {field.name: kinds.get(field.name) or _feature(field.type) for field in schema}


def _feature(kind: pa.DataType) -> Any:
    if pa.types.is_struct(kind):
        return {field.name: _feature(field.type) for field in kind}
    if pa.types.is_fixed_size_list(kind):
        return {"feature": _feature(kind.value_type), "length": kind.list_size, "_type": "List"}
    if pa.types.is_list(kind):
        return {"feature": _feature(kind.value_type), "_type": "List"}
    return {"dtype": {"float": "float32", "double": "float64"}.get(str(kind), str(kind)), "_type": "Value"}
