"""What a detection run leaves: the same findings give the same text, and nothing in it is beyond JSON."""

import json
from pathlib import Path

import pandas as pd
import pytest

from evaluate.detection.artefacts import FORMAT, findings_json, write_artefacts
from evaluate.detection.assemble import find
from evaluate.detection.findings import Findings
from tests.evaluate.detection.made_scores import known_scores, made_scores

DRAWS = 100


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    silent = known_scores("silent", lambda fake, number: float("nan"))
    return pd.concat([made_scores(people=3, clips_each=1), silent], ignore_index=True)


@pytest.fixture(scope="module")
def findings(table: pd.DataFrame) -> Findings:
    return find(table, draws=DRAWS)


def test_the_same_scores_give_the_same_text(table: pd.DataFrame, findings: Findings) -> None:
    assert findings_json(find(table, draws=DRAWS)) == findings_json(findings)


def test_every_cell_is_in_the_text_and_no_number_is_nan(findings: Findings) -> None:
    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    document = json.loads(findings_json(findings), parse_constant=refuse)
    assert document["format"] == FORMAT
    assert len(document["cells"]) == len(findings.cells)
    for cell, written in zip(findings.cells, document["cells"], strict=True):
        assert written["detector"] == cell.detector
        for name, number in cell.numbers.items():
            assert (written["numbers"][name]["value"] is None) == (number.value is None)
            assert written["numbers"][name]["value"] is not None or written["numbers"][name]["absent"]


def test_the_scores_are_read_back_as_they_were(table: pd.DataFrame, findings: Findings, tmp_path: Path) -> None:
    write_artefacts(tmp_path, table, findings)
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "scores.parquet"), table)
    names = {"scores.parquet", "results.json", "model_card.md", "iso_30107_3.csv", "iso_30107_3.md"}
    assert {file.name for file in tmp_path.iterdir()} == names
    assert all((tmp_path / name).stat().st_size for name in names)
    assert (tmp_path / "results.json").read_text() == findings_json(findings)


def test_names_that_are_no_text_are_written_all_the_same(table: pd.DataFrame, tmp_path: Path) -> None:
    """A generator's folder may hold any bytes; what of them isn't UTF-8 becomes a question mark."""
    findings = find(table, draws=DRAWS, facts={"inputs": {"A": "caf\udce9"}})
    write_artefacts(tmp_path, table, findings)
    assert json.loads((tmp_path / "results.json").read_text())["settings"]["inputs"] == {"A": "caf?"}
