"""Shards open typed in pandas, DuckDB and datasets, lie as the index says, and are the same bytes for the same rows."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from numpy.typing import NDArray

from curate import shards
from curate.media import probe, read_audio, read_frames
from curate.media_writing import encode_flac, write_video
from curate.partitions import INDEX_SCHEMA
from curate.shards import locate_blobs, shard_schema, write_rows
from tests.conftest import pulsed_tone

SCHEMA = shard_schema(["duration_s", "sharpness"])
Rows = list[dict[str, Any]]


@pytest.fixture
def rows(tmp_path: Path, moving_picture: Callable[..., list[NDArray[np.uint8]]]) -> Rows:
    """Forty clips, among them one without sound."""
    write_video(tmp_path / "a.mp4", moving_picture(10), audio=pulsed_tone(0.4))
    video, audio = (tmp_path / "a.mp4").read_bytes(), encode_flac(pulsed_tone(0.4))
    return [
        {
            "clip_id": f"{index:016x}",
            "source_id": "0" * 16,
            "duration_s": 0.4,
            "n_frames": 10,
            "video": {"bytes": video + bytes([index]), "path": f"{index}.mp4"},
            "audio": None if index == 7 else {"bytes": audio, "path": f"{index}.flac"},
            "face_box": [[0.0, 1.0, 2.0, 3.0]] * 10,
            "yaw_deg": [float(index)] * 10,
            "sharpness": float(index),
        }
        for index in range(40)
    ]


def written(path: Path, rows: Rows, *, at_a_time: int = 40) -> Path:
    tables = (pa.Table.from_pylist(rows[i : i + at_a_time], SCHEMA) for i in range(0, len(rows), at_a_time))
    assert write_rows(path, tables, SCHEMA) == len(rows)
    return path


def test_one_range_read_is_one_clip(tmp_path: Path, rows: Rows) -> None:
    shard = written(tmp_path / "shard.parquet", rows)
    content = shard.read_bytes()
    for row, blob in zip(rows, locate_blobs(shard), strict=True):
        assert content[blob.video_offset : blob.video_offset + blob.video_size] == row["video"]["bytes"]
        if row["audio"] is None:
            assert (blob.audio_offset, blob.audio_size) == (-1, 0)
        else:
            assert content[blob.audio_offset : blob.audio_offset + blob.audio_size] == row["audio"]["bytes"]


def test_the_same_rows_give_the_same_bytes_however_they_come(tmp_path: Path, rows: Rows) -> None:
    one, two = written(tmp_path / "one.parquet", rows), written(tmp_path / "two.parquet", rows, at_a_time=3)
    assert one.read_bytes() == two.read_bytes()


def test_media_that_resemble_each_other_are_told_apart(tmp_path: Path) -> None:
    """Clips that begin alike, contain each other, are empty or are as large as a page."""
    alike = b"\x40\x00\x00\x00" * 64
    contents = [alike, alike + b"1", b"", alike[:64], bytes(3_000_000), alike + alike, bytes(3_000_000) + b"2", alike]
    made: Rows = [{"clip_id": str(i), "video": {"bytes": content}, "audio": None} for i, content in enumerate(contents)]
    shard = written(tmp_path / "shard.parquet", made)
    whole = shard.read_bytes()
    blobs = locate_blobs(shard)
    assert [whole[blob.video_offset : blob.video_offset + blob.video_size] for blob in blobs] == contents
    ends = [blob.video_offset + blob.video_size for blob in blobs]
    assert all(blob.video_offset > end for blob, end in zip(blobs[1:], ends, strict=False)), "each its own"


def test_media_that_do_not_lie_in_one_piece_are_refused(tmp_path: Path, rows: Rows) -> None:
    shard = tmp_path / "shard.parquet"
    pq.write_table(pa.Table.from_pylist(rows[:1], SCHEMA), shard, compression="zstd")
    with pytest.raises(ValueError, match="does not lie in one piece"):
        locate_blobs(shard)


def test_row_groups_are_capped_by_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shards, "BYTES_A_GROUP", 1000)
    sizes = [400, 400, 400, 1500, 10, 10, 990, 600]
    made: Rows = [{"clip_id": str(i), "video": {"bytes": bytes(size)}} for i, size in enumerate(sizes)]
    for at_a_time in (1, 3, 40):
        metadata = pq.ParquetFile(written(tmp_path / "shard.parquet", made, at_a_time=at_a_time)).metadata
        groups = [metadata.row_group(i).num_rows for i in range(metadata.num_row_groups)]
        assert groups == [2, 1, 1, 2, 1, 1], at_a_time


def test_row_groups_are_small_and_media_are_plain(tmp_path: Path, rows: Rows) -> None:
    metadata = pq.ParquetFile(written(tmp_path / "shard.parquet", rows)).metadata
    assert [metadata.row_group(i).num_rows for i in range(metadata.num_row_groups)] == [16, 16, 8]
    columns = {
        metadata.row_group(0).column(i).path_in_schema: metadata.row_group(0).column(i)
        for i in range(metadata.num_columns)
    }
    assert columns["video.bytes"].compression == "UNCOMPRESSED"
    assert not columns["video.bytes"].has_dictionary_page
    assert columns["sharpness"].compression == "ZSTD"
    assert columns["sharpness"].has_offset_index


def test_pandas_and_duckdb_open_it(tmp_path: Path, rows: Rows) -> None:
    shard = written(tmp_path / "shard.parquet", rows)
    frame = pd.read_parquet(shard)
    assert frame.sharpness.tolist() == [float(i) for i in range(40)]
    assert len(list(read_frames(frame.video[3]["bytes"]))) == 10
    found = duckdb.sql(f"select clip_id, octet_length(video.bytes) as n from '{shard}' where sharpness > 37").fetchall()  # noqa: S608
    assert [row[0] for row in found] == [f"{i:016x}" for i in (38, 39)]
    assert found[0][1] == len(rows[38]["video"]["bytes"])


def test_datasets_opens_it_as_video_and_audio(tmp_path: Path, rows: Rows, monkeypatch: pytest.MonkeyPatch) -> None:
    import datasets

    shard = written(tmp_path / "shard.parquet", rows)
    loaded = datasets.load_dataset("parquet", data_files=str(shard), split="train", cache_dir=str(tmp_path / "cache"))
    assert isinstance(loaded.features["video"], datasets.Video)
    assert isinstance(loaded.features["audio"], datasets.Audio)
    plain = loaded.cast_column("video", datasets.Video(decode=False)).cast_column("audio", datasets.Audio(decode=False))
    assert probe(plain[5]["video"]["bytes"]).width == 128
    np.testing.assert_allclose(read_audio(plain[5]["audio"]["bytes"]), pulsed_tone(0.4), atol=1e-3)
    assert plain[7]["audio"] is None
    assert plain[5]["yaw_deg"] == [5.0] * 10


def test_every_column_is_described_for_datasets() -> None:
    features = json.loads(SCHEMA.metadata[b"huggingface"])["info"]["features"]
    assert list(features) == SCHEMA.names
    assert INDEX_SCHEMA.names[:3] == ["clip_id", "source_id", "shard"]
