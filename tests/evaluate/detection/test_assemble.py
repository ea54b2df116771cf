"""From scores to findings: textbook numbers for detectors that are known, and what must be doubted about few clips."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from evaluate.detection.answers import answer, clean, perturbed, resolved_rate
from evaluate.detection.assemble import find
from evaluate.detection.findings import ALL, Cell, Control, Findings, Number, Shortcut
from evaluate.detection.score_table import MATCHED, ORIGINAL
from tests.evaluate.detection.made_scores import known_scores, made_scores

DRAWS = 60


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    return made_scores(people=4, clips_each=2, fitted=("weak",), abstains={"weak": 0.3})


@pytest.fixture(scope="module")
def findings(table: pd.DataFrame) -> Findings:
    return find(table, draws=DRAWS)


def only(found: list[Cell]) -> Cell:
    (cell,) = found
    return cell


def clean_cell(findings: Findings, detector: str, generator: str = ALL) -> Cell:
    return only([cell for cell in clean(findings) if (cell.detector, cell.generator) == (detector, generator)])


@pytest.mark.parametrize(
    ("name", "score", "auc", "caught", "accused"),
    [
        ("right", lambda fake, number: 0.9 if fake else 0.1, 1.0, 1.0, 0.0),
        ("wrong", lambda fake, number: 0.1 if fake else 0.9, 0.0, None, None),
        ("constant", lambda fake, number: 0.5, 0.5, None, None),
        ("the same for both", lambda fake, number: number / 12, 0.5, None, None),
    ],
)
def test_detectors_that_are_known_give_textbook_numbers(
    name: str, score: Callable[[bool, int], float], auc: float, caught: float | None, accused: float | None
) -> None:
    cell = clean_cell(find(known_scores(name, score), draws=DRAWS), name)
    assert cell.numbers["auc"].value == auc
    assert cell.numbers["equal_error_rate"].value == pytest.approx(1 - auc)
    if caught is not None:
        assert (cell.numbers["tpr_at_threshold"].value, cell.numbers["fpr_at_threshold"].value) == (caught, accused)


def test_a_detector_that_never_answers_has_reasons_and_no_numbers() -> None:
    found = find(known_scores("silent", lambda fake, number: float("nan")), draws=DRAWS)
    cell = clean_cell(found, "silent")
    assert (cell.abstained_real, cell.abstained_fake, dict(cell.abstentions)) == (12, 12, {"no_face": 24})
    assert cell.numbers["auc"].value is None
    assert cell.numbers["auc"].absent
    assert (cell.numbers["auc_worst_case"].value, cell.numbers["auc_best_case"].value) == (0.0, 1.0)
    assert answer(found).headline.startswith("It can't be said")
    assert found.curves == ()
    assert found.hard == ()


def test_abstentions_lie_between_their_worst_and_best_case(findings: Findings) -> None:
    cell = clean_cell(findings, "weak")
    assert cell.abstained_fake > 0
    values = [cell.numbers[name].value for name in ("auc_worst_case", "auc", "auc_best_case")]
    assert values == sorted(values, key=lambda value: value or 0.0)
    assert values[0] != values[2]


def test_every_detector_generator_and_condition_has_its_cell(findings: Findings) -> None:
    cells = {
        (cell.detector, cell.generator, cell.condition, cell.severity, cell.fitted_without) for cell in findings.cells
    }
    conditions = [(ORIGINAL, ""), (MATCHED, ""), ("h264", "crf 28"), ("h264", "crf 40"), ("noise", "sigma 4")]
    wanted = {
        (detector, generator, *condition, "")
        for detector in ("sharp", "weak")
        for generator in (ALL, "EMO", "VASA")
        for condition in conditions
    }
    wanted |= {("weak", generator, MATCHED, "", generator) for generator in ("EMO", "VASA")}
    assert cells == wanted
    assert len(findings.cells) == len(wanted)


def test_a_perturbed_clip_meets_the_threshold_of_the_clean_one() -> None:
    """All scores sink below it: nothing is caught any more, though the ranking is untouched."""
    table = known_scores("d", lambda fake, number: 0.9 if fake else 0.5)
    sunk = table.assign(condition="noise", severity="much", severity_rank=1, score=table.score - 0.4)
    found = find(pd.concat([table, sunk]), draws=DRAWS)
    cell = only(perturbed(found, "d"))
    assert cell.numbers["auc"].value == 1.0
    assert cell.numbers["tpr_at_threshold"].value == 0.0
    assert cell.numbers["score_delta_fake"].value == pytest.approx(-0.4)
    assert clean_cell(found, "d").numbers["tpr_at_threshold"].value == 1.0


def test_rates_that_so_few_real_clips_cannot_resolve_have_no_number(findings: Findings) -> None:
    cell = clean_cell(findings, "sharp")
    assert cell.n_real == 8
    assert cell.numbers["tpr_at_fpr_0.1"].value is None
    assert resolved_rate(cell) is None
    assert any("resolve no false-alarm rate under 38 %" in warning for warning in findings.warnings)


def test_the_order_of_the_rows_changes_nothing(table: pd.DataFrame, findings: Findings) -> None:
    assert find(table.sample(frac=1, random_state=3), draws=DRAWS) == findings


def test_generators_are_attack_species(findings: Findings) -> None:
    rows = {(row.detector, row.species): row for row in findings.attacks}
    assert set(rows) == {(detector, species) for detector in ("sharp", "weak") for species in ("EMO", "VASA")}
    row = rows["sharp", "EMO"]
    caught = clean_cell(findings, "sharp", "EMO").numbers["tpr_at_threshold"].value
    assert caught is not None
    assert row.apcer.value == pytest.approx(1 - caught)
    assert row.bpcer_at["1 %"].absent.startswith("not resolvable")
    assert rows["weak", "EMO"].apnrr > 0


def test_clips_that_fooled_every_detector_are_named() -> None:
    tables = [known_scores(name, lambda fake, number: 0.1 if not fake or number == 3 else 0.9) for name in ("a", "b")]
    fooled = [clip for clip in find(pd.concat(tables), draws=DRAWS).hard if clip.is_fake]
    assert [(clip.clip, clip.wrong, clip.answered) for clip in fooled] == [("fake_03_0.mp4", 2, 2)]


def test_the_verdict_says_no_more_than_the_clips() -> None:
    headlines = {}
    for people, strength in ((40, 5.0), (40, 1.0), (40, 0.0), (4, 5.0), (1, 5.0)):
        table = made_scores(
            strengths={"d": strength}, generators=("G",), people=people, clips_each=2, conditions={}, folds=5
        )
        headlines[people, strength] = answer(find(table, draws=DRAWS)).headline
    assert headlines[40, 5.0].startswith("Yes: d tells most")
    assert headlines[40, 1.0].startswith("In part: d surely")
    assert headlines[40, 0.0].startswith("Not shown")
    assert headlines[4, 5.0].startswith("Perhaps: d does well")
    assert headlines[1, 5.0].startswith("It can't be said")


def test_one_person_shortcuts_failing_controls_and_missing_detectors_are_warned_of() -> None:
    shortcuts = [
        Shortcut(
            feature=feature,
            generator="VASA",
            stage=stage,
            auc=Number(value=0.97, low=0.9, high=1.0),
            higher_is_fake=True,
            warns=True,
        )
        for feature, stage in (("corner_stillness", ORIGINAL), ("mean_luma", MATCHED))
    ]
    control = Control(kind="permuted labels", detector="d", auc=Number(value=0.8, low=0.7, high=0.9), text="")
    table = made_scores(strengths={"d": 1.0}, people=1, clips_each=4, conditions={})
    found = find(table, shortcuts=shortcuts, controls=[control], facts={"missing": {"hf": "no weights"}}, draws=DRAWS)
    text = "\n".join(found.warnings)
    assert "of its own" not in text
    assert "Not probed" not in text
    assert "VASA (4 clips of 1)" in text
    assert "The control 'permuted labels' fails for d" in text
    assert "Shortcuts left after matching: mean luma (VASA, AUC 0.97)" in text
    assert "Shortcuts in the files as they came: corner stillness (VASA, AUC 0.97)" in text
    assert "could not be run: hf" in text


def test_clips_that_share_no_person_and_were_not_probed_are_warned_of() -> None:
    text = "\n".join(find(known_scores("d", lambda fake, number: number / 12), draws=DRAWS).warnings)
    assert "Every clip counts as a person or source of its own" in text
    assert "Not probed for shortcuts" in text


def test_groups_are_made_of_names_and_of_parts_of_numbers() -> None:
    table = made_scores(strengths={"d": 1.0}, people=6, clips_each=2, conditions={})
    random = np.random.default_rng(0)
    number = {clip: random.uniform(100, 900) for clip in table["clip"].unique()}
    table = table.assign(
        style=np.where(table["clip"].str.endswith("_0.mp4"), "speech", "singing"),
        face_px=table["clip"].map(number),
        name=table["clip"],
    )
    cells = [cell for cell in find(table, draws=DRAWS).cells if cell.subgroup]
    by_column: dict[str, list[Cell]] = {}
    for cell in cells:
        by_column.setdefault(cell.subgroup.partition("=")[0], []).append(cell)
    assert {column: len(found) for column, found in by_column.items()} == {"style": 2, "face_px": 3}
    for found in by_column.values():
        assert sum(cell.n_real for cell in found) == 12
        assert sum(cell.n_fake for cell in found) == 24


def test_the_same_settings_are_named_in_the_findings(findings: Findings) -> None:
    assert findings.settings["prevalence"] == 0.01
    assert findings.settings["draws"] == DRAWS
    assert "equal_error_rate" in findings.settings["definitions"]  # type: ignore[operator]
