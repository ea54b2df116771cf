"""Holds curate's decisions against the truth about the sample corpus."""

from pathlib import Path
from typing import Any

import pandas as pd


def compare(manifest: Path, outcomes: pd.DataFrame) -> pd.DataFrame:
    """Return one row a file of the manifest: `file`, `what`, `expected`, `decided`, `agrees` (bool) and `note`.

    `outcomes` is curate's outcomes table. A decision agrees when outcome, reason and number of clips do.
    """
    truth = pd.read_csv(manifest, keep_default_na=False)
    decided = {Path(row["uri"]).name: _decided(row) for row in outcomes.to_dict("records")}
    rows = [_held_against(row, decided.get(row["file"], "not seen")) for row in truth.to_dict("records")]
    return pd.DataFrame(rows)


def _held_against(truth: dict[Any, Any], decided: str) -> dict[str, Any]:
    expected = _words(truth["expected_outcome"], truth["expected_reason"], truth["expected_clips"])
    return {
        "file": truth["file"],
        "what": truth["what"],
        "expected": expected,
        "decided": decided,
        "agrees": expected == decided,
        "note": truth["note"],
    }


def _decided(row: dict[Any, Any]) -> str:
    return _words(row["outcome"], row["reason"], row["n_clips"])


def _words(outcome: str, reason: str, n_clips: int) -> str:
    return f"kept, {n_clips} clip{'s' if n_clips != 1 else ''}" if outcome == "kept" else f"{outcome}: {reason}"
