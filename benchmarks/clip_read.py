"""How long one random clip takes to fetch: by the index's range read, by row group, and through Hugging Face datasets.

    python benchmarks/clip_read.py [RUN]

RUN is a curated corpus; without it a shard of made-up clips (300 of 1 MB) is written to a temporary folder. All three
read the same clips, in the same order, from the same files; each prints its median over the clips, in milliseconds.
Then the same for a row's per-frame lists without its media, as training reads them.
"""

import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence, Sized
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from curate import outcomes
from curate.corpus import ClipRef, Corpus, open_corpus
from curate.records import Outcome, SourceEntry
from curate.shards import outcome_schema

READS = 200
ROW = ("face_box", "rotation_speed_deg", "width", "fps")


def made_corpus(run: Path, *, clips: int = 300, clip_bytes: int = 1_000_000) -> Path:
    """Write a corpus of random bytes: what is timed does not look into them."""
    generator = np.random.default_rng(0)
    (task,) = outcomes.plan(run, [SourceEntry(uri="made")], partition_size=1)
    rows = [
        {"clip_id": f"{i:016x}", "source_id": "made", "duration_s": 8.0, "n_frames": 200, "uri": "made",
         "face_box": list(generator.random((200, 4), np.float32)), "rotation_speed_deg": [1.0] * 200, "width": 512,
         "fps": 25.0, "video": {"bytes": generator.bytes(clip_bytes), "path": f"{i}.mp4"}}
        for i in range(clips)
    ]  # fmt: skip
    table = pa.Table.from_pylist(rows, outcome_schema([]))
    outcome = Outcome(source_id="made", uri="made", outcome="kept", reason="", n_clips=clips, error="", clips=table)
    outcomes.write_outcome(run, task, outcome)
    outcomes.Commits(run, [task], score_names=[], shard_bytes=1 << 40).commit_ready()
    outcomes.write_tables(run, [])
    return run


def median_ms(read: Callable[[ClipRef], Sized], refs: list[ClipRef], sizes: list[int]) -> float:
    """Time each read once, after one that warms up, and check what came."""
    read(refs[0])
    spent = []
    for ref, size in zip(refs, sizes, strict=True):
        started = time.perf_counter()
        content = read(ref)
        spent.append(time.perf_counter() - started)
        assert len(content) == size
    return statistics.median(spent) * 1000


def by_row_group(corpus: Corpus, columns: Sequence[str]) -> Callable[[ClipRef], dict[str, Any]]:
    """Read a row as a plain Parquet reader does: the footer, its row group, then the row."""

    def read(ref: ClipRef) -> dict[str, Any]:
        parquet = pq.ParquetFile(corpus.store.uri(ref.shard))
        first = 0
        for group in range(parquet.num_row_groups):
            rows = parquet.metadata.row_group(group).num_rows
            if ref.row < first + rows:
                table = parquet.read_row_group(group, columns=list(columns)).slice(ref.row - first, 1)
                row: dict[str, Any] = table.to_pylist()[0]
                return row
            first += rows
        raise IndexError(ref.row)

    return read


def clip_by_row_group(corpus: Corpus) -> Callable[[ClipRef], bytes]:
    """Read a clip's video with its row group."""
    read = by_row_group(corpus, ["video"])
    return lambda ref: bytes(read(ref)["video"]["bytes"])


def by_datasets(corpus: Corpus, cache: str) -> Callable[[ClipRef], bytes]:
    """Read a clip through datasets, which first copies the shards into its own Arrow cache (not timed)."""
    import datasets

    files = sorted({corpus.store.uri(ref.shard) for ref in corpus.clips})
    loaded = datasets.load_dataset("parquet", data_files=files, split="train", cache_dir=cache)
    loaded = loaded.cast_column("video", datasets.Video(decode=False)).select_columns(["clip_id", "video"])
    place = {clip_id: i for i, clip_id in enumerate(loaded["clip_id"])}
    return lambda ref: bytes(loaded[place[ref.clip_id]]["video"]["bytes"])


def main() -> None:
    """Print the three medians."""
    with tempfile.TemporaryDirectory() as scratch:
        run = Path(sys.argv[1]) if len(sys.argv) > 1 else made_corpus(Path(scratch))
        corpus = open_corpus(run)
        picks = np.random.default_rng(1).integers(0, len(corpus.clips), READS)
        refs = [corpus.clips[i] for i in picks]
        sizes = [ref.video_size for ref in refs]
        rows = {
            "emoforge range read": median_ms(corpus.video, refs, sizes),
            "pyarrow row group": median_ms(clip_by_row_group(corpus), refs, sizes),
            "datasets, from its Arrow cache": median_ms(by_datasets(corpus, scratch), refs, sizes),
        }
        width = [len(ROW)] * READS
        lists = {
            "emoforge row": median_ms(lambda ref: corpus.row(ref, ROW), refs, width),
            "pyarrow row group": median_ms(by_row_group(corpus, ROW), refs, width),
        }
    print(f"{READS} random clips of {len(corpus.clips)}, {statistics.mean(sizes) / 1e6:.2f} MB each, median ms a clip:")
    for name, ms in rows.items():
        print(f"  {name:<32} {ms:8.2f}")
    print(f"{READS} random rows of {', '.join(ROW)}, median ms a row:")
    for name, ms in lists.items():
        print(f"  {name:<32} {ms:8.2f}")


if __name__ == "__main__":
    main()
