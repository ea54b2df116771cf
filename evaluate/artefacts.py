"""What an evaluation leaves on disk as data: results.json and clips.parquet."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from evaluate.measure import Measured
from evaluate.results import Result
from evaluate.sets import Sets

FORMAT = 1
DIGITS = 9  # significant: beyond, linear algebra rounds differently with memory alignment and core count


def results_json(results: Sequence[Result], *, inputs: dict[str, str | None]) -> str:
    """All results as JSON text with sorted keys: the same inputs give the same text, byte for byte."""
    document: dict[str, Any] = {
        "format": FORMAT,
        "inputs": inputs,
        "metrics": {result.name: _rounded(result.to_json()) for result in results},
    }
    return json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n"


def clips_table(results: Sequence[Result], sets: Sets) -> pd.DataFrame:
    """One row a clip, reference first: set, name, frames, one column a per-clip number, and failures with reasons."""
    rows = [_row(clip, "reference", results) for clip in sets.reference]
    rows += [_row(clip, "generated", results) for clip in sets.generated]
    columns = dict.fromkeys(column for result in results for column in result.per_clip)
    fixed = ["set", "name", "n_frames", *columns, "failures"]
    return pd.DataFrame(rows, columns=fixed)


def write_artefacts(folder: Path, results: Sequence[Result], sets: Sets, *, inputs: dict[str, str | None]) -> None:
    """Write results.json and clips.parquet into an existing folder."""
    (folder / "results.json").write_text(results_json(results, inputs=inputs), encoding="utf-8")
    clips_table(results, sets).to_parquet(folder / "clips.parquet", index=False)


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _rounded(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(inner) for inner in value]
    return float(f"{value:.{DIGITS}g}") if isinstance(value, float) else value


def _row(clip: Measured, side: str, results: Sequence[Result]) -> dict[str, Any]:
    numbers: dict[str, Any] = {}
    failed: dict[str, list[str]] = {}
    for result in results:
        columns = result.per_clip if side == "generated" else result.per_reference_clip
        numbers |= {column: values.get(clip.name) for column, values in columns.items()}
        coverage = result.generated_coverage if side == "generated" else result.reference_coverage
        if coverage is not None and clip.name in coverage.failed:
            failed.setdefault(coverage.failed[clip.name], []).append(result.name)
    text = "; ".join(f"{', '.join(metrics)}: {reason}" for reason, metrics in failed.items())
    return {"set": side, "name": clip.name, "n_frames": clip.n_frames, **numbers, "failures": text}
