"""`emoforge detect` on scores from elsewhere: known detectors give textbook numbers, and bad input a clear sentence."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from evaluate.detection.score_table import COLUMNS, MATCHED
from pipelines.__main__ import main
from tests.evaluate.detection.made_scores import known_scores, made_scores

DRAWS = "--draws=100"
NAN = float("nan")


def detect(*arguments: str | Path) -> int:
    return main(["detect", DRAWS, *map(str, arguments)])


def results(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "results.json").read_text())
    return found


def clean_cell(folder: Path, detector: str) -> dict[str, Any]:
    """The matched clips of all generators, by one detector."""
    wanted = (detector, MATCHED, "all", "", "")
    keys = ("detector", "condition", "generator", "fitted_without", "subgroup")
    (cell,) = [cell for cell in results(folder)["cells"] if tuple(cell[key] for key in keys) == wanted]
    return dict(cell)


def value(cell: dict[str, Any], name: str) -> float | None:
    found: float | None = cell["numbers"][name]["value"]
    return found


@pytest.fixture
def scored(tmp_path: Path) -> Callable[..., Path]:
    """Write scores as a CSV; say how to have their run folder."""

    def run(*tables: pd.DataFrame, arguments: Sequence[str | Path] = ()) -> Path:
        pd.concat(tables).to_csv(tmp_path / "scores.csv", index=False)
        assert detect("--scores", tmp_path / "scores.csv", "--out", tmp_path / "d", *arguments) == 0
        return tmp_path / "d"

    return run


def test_known_detectors_give_textbook_numbers(scored: Callable[..., Path]) -> None:
    random = np.random.default_rng(0)
    known: dict[str, Callable[[bool, int], float]] = {
        "right": lambda fake, number: 0.9 if fake else 0.1,
        "wrong": lambda fake, number: 0.1 if fake else 0.9,
        "constant": lambda fake, number: 0.5,
        "random": lambda fake, number: random.random(),
        "silent": lambda fake, number: NAN,
    }
    folder = scored(*(known_scores(name, score, clips=40) for name, score in known.items()))
    cells = {name: clean_cell(folder, name) for name in known}
    ranks = {name: (value(cells[name], "auc"), value(cells[name], "equal_error_rate")) for name in known}
    assert ranks["right"] == (1.0, 0.0)
    assert ranks["wrong"] == (0.0, 1.0)
    assert ranks["constant"] == (0.5, 0.5)
    auc = cells["random"]["numbers"]["auc"]
    assert auc["low"] < 0.5 < auc["high"]
    assert ranks["silent"] == (None, None)
    assert cells["silent"]["numbers"]["auc"]["absent"]
    assert cells["silent"]["abstentions"] == {"no_face": 80}
    assert (value(cells["right"], "tpr_at_threshold"), value(cells["right"], "fpr_at_threshold")) == (1.0, 0.0)
    assert (value(cells["right"], "brier"), value(cells["wrong"], "brier")) == pytest.approx((0.01, 0.81))
    assert value(cells["constant"], "log_loss") == pytest.approx(np.log(2))
    assert value(cells["right"], "average_precision") == 1.0
    assert value(cells["constant"], "average_precision") == pytest.approx(0.5)


def test_abstentions_are_counted_for_against_and_left_out(scored: Callable[..., Path]) -> None:
    """Right on 12 clips a class, but silent on 3 fakes and 6 reals: 9 x 6 of 12 x 12 pairs are known to be in order."""
    table = known_scores("d", lambda fake, number: NAN if number < (3 if fake else 6) else (0.9 if fake else 0.1))
    cell = clean_cell(scored(table), "d")
    assert (cell["n_real"], cell["n_fake"]) == (12, 12)
    assert (cell["abstained_real"], cell["abstained_fake"], cell["abstentions"]) == (6, 3, {"no_face": 9})
    assert value(cell, "auc") == 1.0
    assert value(cell, "auc_best_case") == 1.0
    assert value(cell, "auc_worst_case") == pytest.approx(9 * 6 / 144)


def test_the_best_case_of_a_wrong_detector_is_what_it_left_open(scored: Callable[..., Path]) -> None:
    table = known_scores("d", lambda fake, number: NAN if number < (3 if fake else 6) else (0.1 if fake else 0.9))
    cell = clean_cell(scored(table), "d")
    assert (value(cell, "auc"), value(cell, "auc_worst_case")) == (0.0, 0.0)
    assert value(cell, "auc_best_case") == pytest.approx(1 - 9 * 6 / 144)


def test_a_run_leaves_its_files_and_the_scores_as_given(scored: Callable[..., Path]) -> None:
    table = made_scores(people=4, clips_each=2, fitted=("weak",))
    folder = scored(table)
    files = {file.name for file in folder.iterdir()}
    assert {"scores.parquet", "results.json", "report.html", "model_card.md"} <= files
    assert {"iso_30107_3.csv", "iso_30107_3.md"} <= files
    back = pd.read_parquet(folder / "scores.parquet")
    order = ["detector", "condition", "severity_rank", "fitted_without", "set", "clip"]
    pd.testing.assert_frame_equal(
        back[[*COLUMNS]].sort_values(order, ignore_index=True),
        table.sort_values(order, ignore_index=True),
        check_dtype=False,
    )


def test_csv_and_parquet_of_the_same_scores_give_the_same_results(scored: Callable[..., Path], tmp_path: Path) -> None:
    table = made_scores(people=4, clips_each=1, conditions={})
    folder = scored(table)
    table.to_parquet(tmp_path / "scores.parquet", index=False)
    assert detect("--scores", tmp_path / "scores.parquet", "--out", tmp_path / "p") == 0
    from_csv, from_parquet = results(folder), results(tmp_path / "p")
    assert from_csv["cells"] == from_parquet["cells"]
    assert from_csv["comparisons"] == from_parquet["comparisons"]


def test_twice_does_nothing_and_other_scores_need_another_folder(
    scored: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = scored(known_scores("d", lambda fake, number: 0.9 if fake else 0.1))
    before = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in folder.glob("[!.]*")}
    assert detect("--scores", tmp_path / "scores.csv", "--out", folder) == 0
    assert "done already" in capsys.readouterr().out
    assert {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in before} == before
    known_scores("d", lambda fake, number: 0.5).to_csv(tmp_path / "scores.csv", index=False)
    assert detect("--scores", tmp_path / "scores.csv", "--out", folder) == 2
    assert {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in before} == before


def test_groups_make_subgroups_and_other_groups_need_another_folder(
    scored: Callable[..., Path], tmp_path: Path
) -> None:
    table = known_scores("d", lambda fake, number: (0.9 if fake else 0.1) if number < 6 else 0.5)
    half = [("early" if int(name.split("_")[1]) < 6 else "late") for name in table["clip"]]
    groups = table[["set", "clip"]].assign(half=half)
    groups.to_csv(tmp_path / "groups.csv", index=False)
    folder = scored(table, arguments=["--groups", tmp_path / "groups.csv"])
    cells = {cell["subgroup"]: cell for cell in results(folder)["cells"]}
    assert (value(cells["half=early"], "auc"), value(cells["half=late"], "auc")) == (1.0, 0.5)
    groups.assign(half="one").to_csv(tmp_path / "groups.csv", index=False)
    files = ("--scores", tmp_path / "scores.csv", "--groups", tmp_path / "groups.csv")
    assert detect(*files, "--out", folder) == 2


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--scores", "S", "--real", "R"], "--real and --fake, or --scores alone"),
        ([], "--real and --fake, or --scores alone"),
        (["--scores", "S", "--perturb", "quick"], "--detectors and --perturb don't go with them"),
        (["--scores", "S", "--detectors", "meso4"], "--detectors and --perturb don't go with them"),
        (["--real", "R"], "both sides are needed"),
        (["--fake", "A=F"], "both sides are needed"),
        (["--scores", "S", "--prevalence", "1.5"], "prevalence must be from 0 to 1, not 1.5"),
        (["--scores", "S", "--prevalence", "nan"], "prevalence must be from 0 to 1, not nan"),
        (["--scores", "S", "--cost_miss", "-1"], "cost_miss must be from 0"),
        (["--scores", "S", "--folds", "1"], "folds must be 2 or more"),
        (["--scores", "S", "--draws", "5"], "draws 100 or more, not 5 and 5"),
        (["--scores", "S", "--groups", "G"], "has no column 'set'"),
        (["--scores", "S", "--groups", "none.csv"], "can't be read as a CSV"),
        (["--scores", "S", "--groups", "CLASH"], "have a column 'score' already"),
        (["--scores", "S", "--groups", "TWICE"], "twice"),
        (["--scores", "S", "--groups", "OTHERS"], "names no clip that was scored: 'x.mp4' of 'A'"),
        (["--scores", "S", "--quality", "R"], "give a run folder of emoforge evaluate"),
        (["--scores", "S", "--quality", "Q"], "no columns system and name"),
        (["--scores", "none.csv"], "--scores none.csv can't be read"),
        (["--scores", "R"], "can't be read"),
        (["--scores", "BAD"], "row 3, column score: '2'"),
        (["--real", "R", "--fake", "A=F", "--fake", "A=R"], "two sets can't share a name"),
        (["--real", "R", "--fake", "real=F"], "two sets can't share a name"),
        (["--real", "R", "--fake", "all=F"], "two sets can't share a name"),
        (["--real", "R", "--fake", "A/B=F"], "nor hold /"),
        (["--real", "R", "--fake", "..=F"], "two sets can't share a name"),
        (["--real", "none", "--fake", "A=F"], "does not exist"),
        (["--real", "R", "--fake", "A=EMPTY"], "holds no video"),
        (["--real", "R", "--fake", "A=F", "--detectors", "meso5"], "meso"),
        (["--real", "R", "--fake", "A=F", "--detectors", "d=cmd:true"], "{video}"),
        (["--real", "R", "--fake", "A=F", "--detectors", ","], "no detector is named"),
        (["--real", "R", "--fake", "A=F", "--detectors", "d=py:os:getcwd", "--perturb", "h265:crf 1"], "no severity"),
        (["--real", "R", "--fake", "A=F", "--matching.size_px", "63"], "matching.size_px must be even"),
        (["--real", "R", "--fake", "A=F", "--matching.max_s", "nan"], "from 1 to 60"),
        (["--real", "R", "--fake", "A=F", "--matching.cut_hz", "9000"], "matching.cut_hz must be"),
    ],
)
def test_what_does_not_fit_is_said_in_a_sentence(
    arguments: list[str],
    sentence: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    table = known_scores("d", lambda fake, number: 0.5)
    table.to_csv("S", index=False)
    Path("G").write_text("name,language\na,en\n")
    table[["set", "clip"]].assign(score=1).to_csv("CLASH", index=False)
    pd.concat([table[["set", "clip"]]] * 2).assign(language="en").to_csv("TWICE", index=False)
    Path("OTHERS").write_text("set,clip,language\nA,x.mp4,en\n")
    table.to_parquet("Q")
    Path("BAD").write_text("clip,label,score\na,real,0.1\nb,fake,2\n")
    for folder in ("R", "F"):
        Path(folder).mkdir()
        Path(folder, "a.mp4").write_text(folder)
    Path("EMPTY").mkdir()
    given = [] if "--draws" in arguments else [DRAWS]
    assert main(["detect", *given, *arguments, "--out", "d"]) == 2
    said = capsys.readouterr().err
    assert sentence in said
    assert said.startswith("emoforge detect: ")
    assert "Traceback" not in said
    assert not Path("d", "results.json").exists()


def test_group_by_takes_columns_of_a_corpus(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("real", "fake"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.mp4").write_bytes(b"no video")
    sets = ("--real", tmp_path / "real", "--fake", tmp_path / "fake", "--detectors", "sync")
    assert detect(*sets, "--group_by", "[domain]", "--out", tmp_path / "d") == 2
    assert "group_by: domain are columns of a corpus, and none of the sets is one" in capsys.readouterr().err
    assert not (tmp_path / "d").exists()


def test_the_run_folder_does_not_lie_among_its_videos(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("real", "fake"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.mp4").write_bytes(b"no video")
    sets = ("--real", tmp_path / "real", "--fake", tmp_path / "fake", "--detectors", "sync")
    assert detect(*sets, "--out", tmp_path / "fake" / "d") == 2
    assert "lies among the videos of fake" in capsys.readouterr().err
