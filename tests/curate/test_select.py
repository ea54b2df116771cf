"""Selection by whole columns means what deciding row by row means."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from curate.outcomes import INDEX_SCHEMA, OUTCOMES_SCHEMA
from curate.records import Decision, Threshold
from curate.scoring import all_score_names, decide, sum_up
from curate.select import NOT_ENCODED, NOT_SCORED, redecided_outcomes, select
from curate.shards import clips_schema

SCORERS = ["duration_s", "face_size", "sharpness", "mouth_aperture"]
KEEP = {
    "mouth_aperture_std": Threshold(min=0.3),
    "sharpness": Threshold(min=0.2, max=0.9, optional=True),
    "duration_s": Threshold(min=0.1),
}
KEEP_SINGING = {"mouth_aperture_mean": Threshold(max=0.8), "duration_s": Threshold(min=0.4)}


def decide_by_row(
    row: Mapping[str, Any], keep: Mapping[str, Threshold], scorers: Sequence[str], encoded: set[str]
) -> Decision:
    """The plain meaning: thresholds of the scorers that ran, in their order, then what was never made."""
    ran = scorers[: scorers.index(row["last_scorer"]) + 1] if row["last_scorer"] in scorers else []
    names = all_score_names(ran)
    decision = decide(row, {name: keep[name] for name in names if name in keep})
    if decision.dropped_by is not None or row["clip_id"] in encoded:
        return decision
    missing = [name for name in keep if name not in names]
    if missing:
        return Decision(dropped_by=NOT_SCORED, detail=f"passes, but was dropped before {missing[0]} was scored")
    return Decision(dropped_by=NOT_ENCODED, detail="passes, but was dropped before it was encoded")


def written_run(run: Path, *, n: int, seed: int, with_domain: bool) -> list[dict[str, Any]]:
    """A run of n clips with random scores, some missing, some not scored to the end, some without a video."""
    generator = np.random.default_rng(seed)
    names = all_score_names(SCORERS)
    rows: list[dict[str, Any]] = []
    for i in range(n):
        scores = {name: None if generator.random() < 0.1 else float(generator.random()) for name in names}
        last = generator.choice([*SCORERS, *SCORERS[-1:] * 8, "gone"])
        rows.append(
            scores | {"clip_id": f"{i:016x}", "uri": f"u{generator.integers(n // 5)}", "last_scorer": str(last)}
        )
        rows[-1] |= {"domain": str(generator.choice(["speech", "singing"]))} if with_domain else {}
    run.mkdir()
    schema = clips_schema(names)
    if with_domain and "domain" not in schema.names:
        schema = schema.append(pa.field("domain", pa.string()))
    pq.write_table(pa.Table.from_pylist(rows, schema), run / "clips.parquet")
    index = [{"clip_id": row["clip_id"], "shard": f"shards/part-{i % 3}.parquet", "row": i}
             for i, row in enumerate(rows) if generator.random() < 0.7]  # fmt: skip
    pq.write_table(pa.Table.from_pylist(index, INDEX_SCHEMA), run / "index.parquet")
    outcomes = [{"uri": f"u{i}", "outcome": "quarantined", "reason": "r", "n_clips": 0, "error": "e"} for i in range(n)]
    pq.write_table(pa.Table.from_pylist(outcomes, OUTCOMES_SCHEMA), run / "outcomes.parquet")
    return rows


@pytest.mark.parametrize(("seed", "with_domain"), [(0, True), (1, True), (2, False)])
def test_columns_and_rows_decide_alike(tmp_path: Path, seed: int, with_domain: bool) -> None:
    run, out = tmp_path / "run", tmp_path / "out"
    rows = written_run(run, n=600, seed=seed, with_domain=with_domain)
    out.mkdir()
    encoded = set(pq.read_table(run / "index.parquet")["clip_id"].to_pylist())
    select(run, out, keep=KEEP, keep_singing=KEEP_SINGING, scorers=SCORERS)

    by_uri = defaultdict(list)
    for row, found in zip(rows, pq.read_table(out / "clips.parquet").to_pylist(), strict=True):
        keep = KEEP | KEEP_SINGING if row.get("domain") == "singing" else KEEP
        wanted = decide_by_row(row, keep, SCORERS, encoded)
        assert (found["dropped_by"], found["dropped_detail"]) == (wanted.dropped_by, wanted.detail)
        by_uri[row["uri"]].append({"dropped_by": wanted.dropped_by, "dropped_detail": wanted.detail})
    reasons = {decision["dropped_by"] for decisions in by_uri.values() for decision in decisions}
    assert reasons >= {None, NOT_SCORED, NOT_ENCODED, "sharpness", "duration_s", "mouth_aperture_std"}

    outcomes = pq.read_table(out / "outcomes.parquet").to_pylist()
    assert len(outcomes) == 600
    for outcome in outcomes:
        untouched = {"outcome": "quarantined", "reason": "r", "n_clips": 0, "error": "e"}
        wanted = sum_up(by_uri[outcome["uri"]]) if outcome["uri"] in by_uri else untouched
        assert {name: outcome[name] for name in wanted} == wanted


def test_the_new_index_holds_the_kept_and_points_into_the_old_shards(tmp_path: Path) -> None:
    run, out = tmp_path / "run", tmp_path / "deeper" / "out"
    written_run(run, n=100, seed=3, with_domain=False)
    out.mkdir(parents=True)
    select(run, out, keep=KEEP, scorers=SCORERS)
    before = {row["clip_id"]: row for row in pq.read_table(run / "index.parquet").to_pylist()}
    clips = pq.read_table(out / "clips.parquet").to_pylist()
    index = pq.read_table(out / "index.parquet").to_pylist()
    assert [row["clip_id"] for row in index] == [row["clip_id"] for row in clips if row["dropped_by"] is None]
    assert index
    for row in index:
        assert (out / row["shard"]).resolve() == (run / before[row["clip_id"]]["shard"]).resolve()
        assert row["row"] == before[row["clip_id"]]["row"]


def test_a_corpus_without_clips_stays_one(tmp_path: Path) -> None:
    run, out = tmp_path / "run", tmp_path / "out"
    written_run(run, n=10, seed=4, with_domain=False)
    out.mkdir()
    pq.write_table(pq.read_table(run / "clips.parquet").slice(0, 0), run / "clips.parquet")
    pq.write_table(pq.read_table(run / "index.parquet").slice(0, 0), run / "index.parquet")
    select(run, out, keep=KEEP, scorers=SCORERS)
    assert pq.read_table(out / "outcomes.parquet") == pq.read_table(run / "outcomes.parquet")


def test_two_parts_of_one_source_are_summed_up_apart() -> None:
    part = {"outcome": "kept", "reason": "", "n_clips": 9, "error": ""}
    spans = [(20.0, None), (None, 10.0), (10.0, 20.0)]
    outcomes = pa.Table.from_pylist(
        [{"uri": "u", "start_s": start, "end_s": end} | part for start, end in spans] + [{"uri": "v"} | part],
        OUTCOMES_SCHEMA,
    )
    clips = pa.table(
        {
            "uri": ["u", "u", "u", "v", "u"],
            "start_s": [0.5, 10.0, 19.5, 25.0, 31.0],
            "dropped_by": pa.array([None, "size", None, None, None], pa.string()),
            "dropped_detail": ["", "small", "", "", ""],
        }
    )
    assert redecided_outcomes(outcomes, clips)["n_clips"].to_pylist() == [1, 1, 1, 1]
    dropped = clips.set_column(2, "dropped_by", pa.array([None, "size", "size", "size", None], pa.string()))
    found = redecided_outcomes(outcomes, dropped)
    assert found["outcome"].to_pylist() == ["kept", "kept", "rejected", "rejected"]
    assert found["n_clips"].to_pylist() == [1, 1, 0, 0]
