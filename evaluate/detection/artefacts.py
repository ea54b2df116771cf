"""What a detection run leaves on disk: scores, findings, a model-card section and the ISO table."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import pandas as pd

from evaluate.artefacts import rounded
from evaluate.detection.findings import Findings
from evaluate.detection.iso_table import iso_csv, iso_markdown
from evaluate.detection.model_card import model_card

FORMAT = 1


def write_artefacts(folder: Path, table: pd.DataFrame, findings: Findings) -> None:
    """Write scores.parquet, results.json, model_card.md and iso_30107_3.csv and .md into an existing folder."""
    table.to_parquet(folder / "scores.parquet", index=False)
    texts = {
        "results.json": findings_json(findings),
        "model_card.md": model_card(findings),
        "iso_30107_3.csv": iso_csv(findings),
        "iso_30107_3.md": iso_markdown(findings),
    }
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8", errors="replace")


def findings_json(findings: Findings) -> str:
    """The findings as JSON with sorted keys: the same scores give the same text, byte for byte."""
    document = {"format": FORMAT, **rounded(asdict(findings))}
    return json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n"
