"""What an evaluation leaves on disk as data: results.json, results.parquet, clips.parquet and two tables to print."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from evaluate.measure import Measured
from evaluate.results import Result
from evaluate.system import REFERENCE, System
from evaluate.tables import latex, markdown

FORMAT = 2
DIGITS = 9  # significant: beyond, linear algebra rounds differently with memory alignment and core count


def results_json(systems: Sequence[System], *, inputs: dict[str, Any]) -> str:
    """All results as JSON text with sorted keys: the same inputs give the same text, byte for byte."""
    document: dict[str, Any] = {
        "format": FORMAT,
        "inputs": inputs,
        "systems": {
            system.name: {result.name: rounded(result.to_json()) for result in system.results} for system in systems
        },
    }
    return json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n"


def results_table(systems: Sequence[System]) -> pd.DataFrame:
    """One row a system and metric: value, interval, what to read it against, counts, coverage, fingerprint."""
    return pd.DataFrame([_result_row(system.name, result) for system in systems for result in system.results])


def clips_table(systems: Sequence[System]) -> pd.DataFrame:
    """One row a clip, reference first: system, name, frames, one column a per-clip number, failures with reasons."""
    first = systems[0]
    rows = [_clip_row(clip, REFERENCE, first.results) for clip in first.sets.reference]
    rows += [_clip_row(clip, system.name, system.results) for system in systems for clip in system.sets.generated]
    columns = dict.fromkeys(
        column
        for system in systems
        for result in system.results
        for column in (*result.per_clip, *result.per_reference_clip)
    )
    return pd.DataFrame(rows, columns=["system", "name", "n_frames", *columns, "failures"])


def write_artefacts(folder: Path, systems: Sequence[System], *, inputs: dict[str, Any]) -> None:
    """Write results.json, results.parquet, clips.parquet, table.md and table.tex into an existing folder."""
    (folder / "results.json").write_text(results_json(systems, inputs=inputs), encoding="utf-8")
    results_table(systems).to_parquet(folder / "results.parquet", index=False)
    clips_table(systems).to_parquet(folder / "clips.parquet", index=False)
    (folder / "table.md").write_text(markdown(systems), encoding="utf-8")
    (folder / "table.tex").write_text(latex(systems), encoding="utf-8")


def rounded(value: Any) -> Any:
    """JSON values with numbers to DIGITS significant digits."""
    if isinstance(value, dict):
        return {key: rounded(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(inner) for inner in value]
    return float(f"{value:.{DIGITS}g}") if isinstance(value, float) else value


def _result_row(system: str, result: Result) -> dict[str, Any]:
    interval, coverage, count = result.interval, result.generated_coverage, result.generated_n
    return {
        "system": system,
        "metric": result.name,
        "value": rounded(result.value),
        "low": rounded(interval.low) if interval else None,
        "high": rounded(interval.high) if interval else None,
        "higher_is_better": result.higher_is_better,
        "floor": rounded(result.floor.value) if result.floor else None,
        "reference_value": rounded(result.reference_value.value) if result.reference_value else None,
        "clips": count.clips if count else None,
        "frames": count.frames if count else None,
        "measured": coverage.measured if coverage else None,
        "total": coverage.total if coverage else None,
        "fingerprint": result.fingerprint,
        "absent": result.absent,
    }


def _clip_row(clip: Measured, system: str, results: Sequence[Result]) -> dict[str, Any]:
    numbers: dict[str, Any] = {}
    failed: dict[str, list[str]] = {}
    for result in results:
        columns = result.per_reference_clip if system == REFERENCE else result.per_clip
        numbers |= {column: values.get(clip.name) for column, values in columns.items()}
        coverage = result.reference_coverage if system == REFERENCE else result.generated_coverage
        if coverage is not None and clip.name in coverage.failed:
            failed.setdefault(coverage.failed[clip.name], []).append(result.name)
    text = "; ".join(f"{', '.join(metrics)}: {reason}" for reason, metrics in failed.items())
    return {"system": system, "name": clip.name, "n_frames": clip.n_frames, **numbers, "failures": text}
