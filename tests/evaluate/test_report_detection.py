"""The detection page, the model card and the ISO table: what they answer, and that they run and fetch nothing."""

import csv
import io
import json
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from evaluate.detection.assemble import find
from evaluate.detection.curves import MOST_POINTS, thinned
from evaluate.detection.findings import Control, Findings, HardClip, Number, Shortcut
from evaluate.detection.iso_table import iso_csv, iso_markdown, iso_rows
from evaluate.detection.model_card import model_card
from evaluate.detection.score_table import MATCHED, ORIGINAL
from evaluate.report_detection import PREVIEW_BYTES, clips_to_show, hard_section, write_detection_report
from evaluate.report_detection_first import detectors_table, figures
from tests.curate.test_report import Tags
from tests.evaluate.detection.made_scores import known_scores, made_scores

HOSTILE = "</title><script>alert('x')</script><img src=http://nowhere.invalid/a.png onerror=alert(1)>|b"


def shortcut(stage: str, auc: float) -> Shortcut:
    number = Number(value=auc, low=auc - 0.05, high=auc)
    return Shortcut(
        feature="corner_stillness", generator="EMO", stage=stage, auc=number, higher_is_fake=True, warns=auc > 0.7
    )


@pytest.fixture(scope="module")
def findings() -> Findings:
    table = made_scores(people=4, clips_each=2, fitted=("weak",), abstains={"weak": 0.3})
    table["style"] = np.where(table["clip"].str.endswith("_0.mp4"), "speech", "singing")
    fakes = table[table.is_fake].drop_duplicates(["set", "clip"])
    quality = pd.DataFrame({"system": fakes.set, "name": fakes["clip"], "sharpness": np.arange(len(fakes)) % 7.0})
    control = Control(
        kind="permuted labels", detector="weak", auc=Number(value=0.5, low=0.3, high=0.7), text="shuffled"
    )
    return find(
        table,
        shortcuts=[shortcut(ORIGINAL, 0.99), shortcut(MATCHED, 0.55)],
        controls=[control],
        quality=quality,
        facts={"detectors": {"sharp": "made up"}, "missing": {"hf": "no weights"}},
        draws=60,
    )


def test_the_page_answers_first_and_has_a_section_for_all_that_was_found(findings: Findings, tmp_path: Path) -> None:
    page = write_detection_report(tmp_path, findings).read_text(encoding="utf-8")
    titles = [part.partition("</h2>")[0] for part in page.split("<h2>")[1:]]
    assert titles == [
        "In short",
        "What to doubt",
        "Detectors and generators",
        "By generator",
        "After processing",
        "Generators it never saw",
        "Shortcuts",
        "Clips that fooled every detector",
        "Curves",
        "Groups of clips",
        "What makes a clip detectable",
        "Who beats whom",
        "No answer",
        "Controls",
        "Attack species",
        "Fine print",
    ]
    assert page.index('class="answer"') < page.index("<h2>")
    assert "removed" in page


def test_the_page_needs_nothing_and_runs_nothing(tmp_path: Path) -> None:
    table = made_scores(
        strengths={HOSTILE: 1.0}, generators=(HOSTILE,), people=4, clips_each=1, conditions={HOSTILE: [HOSTILE]}
    )
    table["clip"] = table["clip"] + HOSTILE
    table[HOSTILE] = np.where(table["clip"].str.contains("_01_"), HOSTILE, "other")
    found = find(table, facts={"missing": {HOSTILE: HOSTILE}}, draws=20)
    found = replace(
        found, hard=(HardClip(set=HOSTILE, clip=f"{HOSTILE}\udcff", is_fake=True, wrong=1, answered=1, score=0.0),)
    )
    page = write_detection_report(tmp_path, found, previews=dict.fromkeys(clips_to_show(found), b"mp4"))
    tags = Tags(page.read_text(encoding="utf-8"))
    assert not {"script", "iframe", "object", "embed", "img"} & tags.names
    assert not [attribute for attribute in tags.attributes if attribute.startswith("on")]
    assert tags.addresses
    assert all(address.startswith(("data:", "#s")) for address in tags.addresses)
    for text in (model_card(found), iso_markdown(found)):
        assert "<script" not in text.replace(r"\<script", "")
        assert "\N{WORD JOINER}" not in text
        widths = {line.replace(r"\|", "").count("|") for line in text.splitlines() if line.startswith("|")}
        assert len(widths) == 1


def test_scores_alone_and_a_silent_detector_still_make_a_page(tmp_path: Path) -> None:
    for table in (
        known_scores("mine", lambda fake, number: number / 12),
        known_scores("silent", lambda fake, number: float("nan")),
    ):
        found = find(table, draws=20)
        page = write_detection_report(tmp_path, found).read_text(encoding="utf-8")
        assert "Not probed: scores without videos" in page
        assert "nan" not in page
        assert model_card(found).startswith("## Detectability")


def test_one_class_alone_or_nothing_at_all_is_answered_for(tmp_path: Path) -> None:
    table = known_scores("d", lambda fake, number: number / 12)
    for part in (table[table.is_fake], table[~table.is_fake], table[:0]):
        found = find(part, draws=20)
        page = write_detection_report(tmp_path, found).read_text(encoding="utf-8")
        assert "It can&#39;t be said: no detector answered for both real and generated clips." in page
        assert iso_markdown(found)
        assert iso_csv(found)
        assert model_card(found)


def test_detectors_stand_from_the_best_with_a_column_a_generator(findings: Findings) -> None:
    table = detectors_table(findings)
    assert table.detector.tolist() == ["sharp", "weak"]
    assert list(table.columns[1:4]) == ["all generators", "EMO", "VASA"]


def test_previews_beyond_the_bound_are_left_out(findings: Findings) -> None:
    clip = HardClip(set="EMO", clip="a", is_fake=True, wrong=2, answered=2, score=0.1)
    found = replace(findings, hard=(clip, replace(clip, clip="b")))
    big = b"x" * (PREVIEW_BYTES // 2 + 1)
    (section,) = hard_section(found, {("EMO", "a"): big, ("EMO", "b"): big})
    videos = [video for part in section.parts for video in part.videos]
    assert [video.source is not None for video in videos] == [True, False]
    assert videos[1].absent


def test_the_worst_species_is_reported_beside_every_one(findings: Findings) -> None:
    rows = [row for row in iso_rows(findings) if row["detector"] == "sharp"]
    assert [row["species"].partition(":")[0] for row in rows] == ["EMO", "VASA", "worst species"]
    worst = max((row for row in findings.attacks if row.detector == "sharp"), key=lambda row: row.apcer.value or 0.0)
    assert rows[2]["species"] == f"worst species: {worst.species}"


def test_the_iso_table_as_csv_holds_bare_rates(findings: Findings) -> None:
    rows = list(csv.DictReader(io.StringIO(iso_csv(findings))))
    assert len(rows) == len(findings.attacks) == 4
    first = findings.attacks[0]
    assert float(rows[0]["apcer"]) == pytest.approx(first.apcer.value)
    assert rows[0]["bpcer_at_apcer_1"] == ""


def test_a_long_roc_is_thinned_and_keeps_its_ends_and_its_height() -> None:
    random = np.random.default_rng(0)
    fpr, tpr = (np.concatenate([[0], np.sort(random.random(5000)), [1]]) for _ in range(2))
    kept = thinned(fpr, tpr)
    assert len(kept) <= MOST_POINTS
    assert (kept[0], kept[-1]) == (0, len(fpr) - 1)
    grid = np.linspace(0, 1, 500)
    np.testing.assert_allclose(np.interp(grid, fpr[kept], tpr[kept]), np.interp(grid, fpr, tpr), atol=0.01)
    steps = thinned(np.array([0, 0, 0, 0.5, 0.5, 1.0]), np.array([0, 0.2, 0.4, 0.4, 1.0, 1.0]))
    assert steps.tolist() == [0, 2, 3, 4, 5]


def test_the_notebook_reads_what_was_written(
    findings: Findings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MPLBACKEND", "Agg")
    (tmp_path / "results.json").write_text(json.dumps(asdict(findings)), encoding="utf-8")
    made_scores(people=2, clips_each=1, abstains={"weak": 0.5}).to_parquet(tmp_path / "scores.parquet")
    notebook = Path(__file__).parents[2] / "notebooks" / "read_detection.ipynb"
    cells = [cell for cell in json.loads(notebook.read_text())["cells"] if cell["cell_type"] == "code"]
    code = "\n".join("".join(cell["source"]) for cell in cells)
    names: dict[str, object] = {}
    exec(compile(code.replace('"../detection"', repr(str(tmp_path))), notebook.name, "exec"), names)  # noqa: S102
    assert len(names["auc"]) == 2  # type: ignore[arg-type]


def test_the_first_screen_counts_shortcuts_and_the_table_shows_what_matching_changed() -> None:
    shortcuts = [shortcut(ORIGINAL, 0.95), replace(shortcut(ORIGINAL, 0.9), feature="fps"), shortcut(MATCHED, 0.8)]
    table = made_scores(strengths={"d": 1.0}, people=4, clips_each=1, conditions={})
    found = find(table, shortcuts=shortcuts, draws=100)
    assert figures(found)["shortcuts left after matching; 2 in the files as they came"] == "1"
    assert "all, as they came" in detectors_table(found)
    matched_alone = find(table[table.condition == MATCHED], draws=100)
    assert "all, as they came" not in detectors_table(matched_alone)
    assert not [name for name in figures(matched_alone) if name.startswith("shortcuts")]
