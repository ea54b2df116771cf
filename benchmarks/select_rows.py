"""How long `emoforge select` takes to re-decide a million clips, beside the same decisions made row by row.

    python benchmarks/select_rows.py [CLIPS]

Writes a run of made-up scores (ten clips a source, a third of them outside some threshold) to a temporary folder.
The row loop does a part of the rows and is scaled up; both decide alike, which is checked on that part.
"""

import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from curate.outcomes import OUTCOMES_SCHEMA
from curate.scoring import all_score_names, decide
from curate.select import select
from curate.shards import clips_schema
from pipelines.curate import KEEP, SCORERS

CLIPS, CLIPS_A_SOURCE, ROW_LOOP = 1_000_000, 10, 50_000


def made_run(run: Path, clips: int) -> None:
    """Write the three tables of a run that was scored to the end."""
    generator = np.random.default_rng(0)
    ids = pa.array([f"{i:016x}" for i in range(clips)])
    uris = pa.array([f"https://videos.example/{i // CLIPS_A_SOURCE:08d}.mp4" for i in range(clips)])
    schema = clips_schema(all_score_names(SCORERS))
    columns = {name: pa.nulls(clips, schema.field(name).type) for name in schema.names}
    columns |= {"clip_id": ids, "uri": uris, "last_scorer": pa.array([SCORERS[-1]] * clips)}
    for name in all_score_names(SCORERS):
        low, high = KEEP[name].min if name in KEEP else 0.0, KEEP[name].max if name in KEEP else None
        centre, spread = (high * 0.5, high * 0.25) if high is not None else ((low or 0.0) * 2, (low or 1.0) * 0.6)
        columns[name] = pa.array(generator.normal(centre, spread, clips))
    pq.write_table(pa.table(columns, schema), run / "clips.parquet", compression="zstd")
    index = {"clip_id": ids, "shard": pa.array([f"shards/part-{i // 4096:05d}.parquet" for i in range(clips)])}
    pq.write_table(pa.table(index), run / "index.parquet", compression="zstd")
    sources = -(-clips // CLIPS_A_SOURCE)
    outcomes = {name: pa.nulls(sources, OUTCOMES_SCHEMA.field(name).type) for name in OUTCOMES_SCHEMA.names}
    outcomes |= {"uri": pa.array([f"https://videos.example/{i:08d}.mp4" for i in range(sources)])}
    pq.write_table(pa.table(outcomes, OUTCOMES_SCHEMA), run / "outcomes.parquet", compression="zstd")


def row_loop(run: Path, rows: int) -> tuple[float, list[str | None]]:
    """Decide the first rows one by one; return the seconds, and what dropped each."""
    table = pq.read_table(run / "clips.parquet").slice(0, rows)
    keep = {name: KEEP[name] for name in all_score_names(SCORERS) if name in KEEP}
    started = time.perf_counter()
    dropped_by = [decide(row, keep).dropped_by for row in table.to_pylist()]
    return time.perf_counter() - started, dropped_by


def main() -> None:
    """Print both times."""
    clips = int(sys.argv[1]) if len(sys.argv) > 1 else CLIPS
    with tempfile.TemporaryDirectory() as scratch:
        run, out = Path(scratch) / "run", Path(scratch) / "out"
        run.mkdir(), out.mkdir()
        made_run(run, clips)
        started = time.perf_counter()
        select(run, out, keep=KEEP, scorers=SCORERS)
        select_s = time.perf_counter() - started
        part = min(clips, ROW_LOOP)
        loop_s, dropped_by = row_loop(run, part)
        found = pq.read_table(out / "clips.parquet", columns=["dropped_by"])["dropped_by"].to_pylist()
        assert found[:part] == dropped_by
    kept = sum(reason is None for reason in found)
    print(f"{clips:,} clips, {kept:,} kept")
    print(f"  emoforge select, tables read and written   {select_s:8.2f} s")
    print(f"  row by row, deciding only ({part:,} timed) {loop_s * clips / part:8.2f} s")


if __name__ == "__main__":
    main()
