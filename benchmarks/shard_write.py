"""How fast clips become a shard, on one core: our writer with its index, pyarrow's defaults, and `datasets`' writer.

    python benchmarks/shard_write.py [MB]

MB of made-up clips (600 by default; 0.75 MB of video, 0.1 MB of sound and 200 frames of lists each) that are already
in memory are written to a temporary folder; the best of three is printed, in megabytes of shard a second. Ours is
timed with the offsets' search, which reads every byte back and compares it; the others leave no index.
"""

import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from curate.shards import locate_blobs, shard_schema, write_rows

VIDEO_BYTES, AUDIO_BYTES, FRAMES = 750_000, 100_000, 200
SCHEMA = shard_schema(["sharpness", "face_size"])


def made_clips(count: int) -> list[pa.Table]:
    """Return tables of eight clips each, as outcomes give them: random bytes, since the writer looks into none."""
    random = np.random.default_rng(0)
    return [pa.Table.from_pylist([_row(random, i) for i in range(n, n + 8)], SCHEMA) for n in range(0, count, 8)]


def _row(random: np.random.Generator, number: int) -> dict[str, Any]:
    names = ("yaw_deg", "pitch_deg", "roll_deg", "mouth_aperture")
    series = {name: random.random(FRAMES, np.float32) for name in names}
    return series | {
        "clip_id": f"{number:016x}",
        "source_id": "made",
        "duration_s": 8.0,
        "n_frames": FRAMES,
        "video": {"bytes": random.bytes(VIDEO_BYTES), "path": f"{number}.mp4"},
        "audio": {"bytes": random.bytes(AUDIO_BYTES), "path": f"{number}.flac"},
        "face_box": list(random.random((FRAMES, 4), np.float32)),
        "face_points": list(random.random((FRAMES, 10), np.float32)),
        "sharpness": float(random.random()),
    }


def ours(file: Path, tables: list[pa.Table]) -> None:
    """Write the shard and find every clip in it."""
    write_rows(file, tables, SCHEMA)
    assert len(locate_blobs(file)) == sum(table.num_rows for table in tables)


def by_pyarrow(file: Path, tables: list[pa.Table]) -> None:
    """Write with the defaults: snappy, dictionaries, one large row group."""
    pq.write_table(pa.concat_tables(tables), file)


def by_datasets(file: Path, tables: list[pa.Table]) -> None:
    """Write with the writer that `datasets` makes its Parquet files with."""
    import datasets

    datasets.disable_progress_bars()
    features = datasets.Features.from_arrow_schema(SCHEMA)
    whole = pa.concat_tables(tables)
    datasets.Dataset(datasets.table.InMemoryTable(whole.cast(features.arrow_schema))).to_parquet(str(file))


def best_mb_s(write: Callable[[Path, list[pa.Table]], None], tables: list[pa.Table], folder: Path) -> float:
    """Return the best of three, in megabytes of shard a second of processor time or of the clock, whichever is less."""
    speeds = []
    for _ in range(3):
        file = folder / "shard.parquet"
        file.unlink(missing_ok=True)
        clock, processor = time.perf_counter(), time.process_time()
        write(file, tables)
        spent = max(time.perf_counter() - clock, time.process_time() - processor)
        speeds.append(file.stat().st_size / spent / 1e6)
    return max(speeds)


def main() -> None:
    """Print the three speeds."""
    pa.set_cpu_count(1)
    megabytes = float(sys.argv[1]) if len(sys.argv) > 1 else 600
    tables = made_clips(round(megabytes * 1e6 / (VIDEO_BYTES + AUDIO_BYTES)))
    rows = {"emoforge shard and index": ours, "pyarrow, defaults": by_pyarrow, "datasets to_parquet": by_datasets}
    print(f"{sum(table.num_rows for table in tables)} clips of {(VIDEO_BYTES + AUDIO_BYTES) / 1e6:.2f} MB, one core:")
    with tempfile.TemporaryDirectory() as folder:
        for name, write in rows.items():
            print(f"  {name:<28} {best_mb_s(write, tables, Path(folder)):8.0f} MB/s", flush=True)


if __name__ == "__main__":
    main()
