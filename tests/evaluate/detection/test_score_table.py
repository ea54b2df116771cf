"""Scores from elsewhere: textbook answers through reading and finding, defaults, and files that can't be used."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from curate.errors import ConfigError
from evaluate.detection.assemble import find
from evaluate.detection.findings import ALL, Cell
from evaluate.detection.score_table import COLUMNS, MATCHED, read_scores
from tests.evaluate.detection.made_scores import made_scores

HEADER = "clip,label,score"


def _file(folder: Path, *lines: str, header: str = HEADER) -> Path:
    path = folder / "mine.csv"
    path.write_text("\n".join((header, *lines)) + "\n", encoding="utf-8")
    return path


def _clean_cell(folder: Path, score: Callable[[bool, int], object], *, clips: int = 40) -> Cell:
    """The headline cell of a detector with `score(is_fake, number)`; None abstains."""
    lines = [(f"{fake}{i}", int(fake), score(fake, i)) for fake in (False, True) for i in range(clips)]
    rows = [f"{name},{fake},{'' if s is None else s},{'no_face: none' if s is None else ''}" for name, fake, s in lines]
    table = read_scores(_file(folder, *rows, header="clip,is_fake,score,abstained"))
    cells = find(table, draws=200).cells
    return next(cell for cell in cells if cell.condition == MATCHED and cell.generator == ALL and not cell.subgroup)


@pytest.mark.parametrize(
    ("score", "auc", "eer"),
    [
        (lambda fake, i: 0.9 if fake else 0.1, 1.0, 0.0),
        (lambda fake, i: 0.1 if fake else 0.9, 0.0, 1.0),
        (lambda fake, i: 0.5, 0.5, 0.5),
    ],
    ids=["right on all", "right on none", "constant"],
)
def test_textbook_answers(tmp_path: Path, score: Callable[[bool, int], object], auc: float, eer: float) -> None:
    cell = _clean_cell(tmp_path, score)
    assert cell.numbers["auc"].value == pytest.approx(auc)
    assert cell.numbers["equal_error_rate"].value == pytest.approx(eer)


def test_interval_of_a_random_detector_holds_a_half(tmp_path: Path) -> None:
    random = np.random.default_rng(3)
    cell = _clean_cell(tmp_path, lambda fake, i: random.random())
    auc = cell.numbers["auc"]
    assert auc.low is not None
    assert auc.high is not None
    assert auc.low < 0.5 < auc.high


def test_abstentions_move_the_cases_as_arithmetic_says(tmp_path: Path) -> None:
    """Right wherever it answers, which is for all real clips and half of the generated: 1, 1, and 1/2."""
    cell = _clean_cell(tmp_path, lambda fake, i: None if fake and i % 2 else (0.9 if fake else 0.1))
    assert (cell.abstained_real, cell.abstained_fake) == (0, 20)
    values = [cell.numbers[name].value for name in ("auc", "auc_best_case", "auc_worst_case")]
    assert values == pytest.approx([1.0, 1.0, 0.5])


def test_a_detector_that_never_answers_has_reasons_and_no_number(tmp_path: Path) -> None:
    cell = _clean_cell(tmp_path, lambda fake, i: None)
    assert cell.numbers["auc"].value is None
    assert cell.numbers["auc"].absent


def test_defaults(tmp_path: Path) -> None:
    table = read_scores(_file(tmp_path, "a,real,0.25", "NA,real,0", "a,fake,1", "b,fake,.5"))
    assert [*table.columns] == [*COLUMNS]
    assert table.set.tolist() == ["real", "real", "fake", "fake"]
    assert table["clip"].tolist() == ["a", "NA", "a", "b"]
    assert table.cluster.nunique() == 4
    assert table.score.tolist() == [0.25, 0, 1, 0.5]
    assert set(table.detector) == {"mine"}
    assert set(table.condition) == {MATCHED}
    assert sorted(table.fold) == [0, 0, 1, 1]


def test_severities_rank_as_they_come_and_clusters_keep_together(tmp_path: Path) -> None:
    rows = [
        f"{label}{i},{label},0.5,{condition},{severity},p{i}"
        for label in ("real", "fake")
        for condition, severity in (("", ""), ("jpeg", "q 90"), ("jpeg", "q 30"), ("blur", "2"))
        for i in range(4)
    ]
    table = read_scores(_file(tmp_path, *rows, header=f"{HEADER},condition,severity,cluster"))
    ranks = table.groupby(["condition", "severity"]).severity_rank.unique()
    assert {key: [*value] for key, value in ranks.items()} == {
        ("blur", "2"): [1],
        ("jpeg", "q 30"): [2],
        ("jpeg", "q 90"): [1],
        (MATCHED, ""): [0],
    }
    assert (table.groupby("cluster").fold.nunique() == 1).all()
    assert table.fold.nunique() == 4


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_round_trip(tmp_path: Path, suffix: str) -> None:
    table = made_scores(people=3, clips_each=2, fitted=["weak"], abstains={"sharp": 0.3})
    table = table.assign(language=np.where(table.fold == 0, "", "en"), width=np.where(table.fold == 1, np.nan, 512.0))
    path = tmp_path / f"scores.{suffix}"
    if suffix == "csv":
        table.to_csv(path)  # with the column without a name that pandas adds
    else:
        table.to_parquet(path)
    read = read_scores(path)
    pd.testing.assert_frame_equal(read, table, check_dtype=False)


@pytest.mark.parametrize(
    ("lines", "header", "says"),
    [
        (["a,real,0.1", "b,fake,1.5"], HEADER, r"row 3, column score: '1\.5'.*exp"),
        (["a,real,0.1", "b,fake,inf"], HEADER, "row 3, column score: 'inf'"),
        (["a,real,high", "b,fake,1"], HEADER, "row 2, column score: 'high'"),
        (["a,real,0.1", "", "b,fake,nan"], HEADER, "row 4, column score.*abstained"),
        (["a,real,0.1,why", "b,fake,1,"], f"{HEADER},abstained", "not both"),
        (["a,real,0.1", "b,maybe,1"], HEADER, "row 3, column label: 'maybe'"),
        (["a,fake,0.1", "b,fake,1"], HEADER, "all 2 rows are fake"),
        (["a,real,0.1", ",fake,1"], HEADER, "row 3, column clip"),
        (["a,real,0.1", "b,fake,1", "b,fake,0"], HEADER, "row 4, column clip: 'b'.*already"),
        (["a,real,0.1", "b,fake"], HEADER, "row 3 has 2 cells"),
        (["a,real,0.1", "b\x1b[2J,fake,1"], HEADER, "control characters"),
        (["a,real,0.1,x", "b,fake,1,y"], f"{HEADER},\x1b[2J", "name of column"),
        (["a,real,0.1", '"b,fake,1'], HEADER, "can't be read"),
        ([], HEADER, "no rows"),
        (["a,0.1"], "clip,score", "neither is_fake and label"),
        (["a,1,1,0.1"], "clip,label,is_fake,score", "both is_fake and label"),
        (["real,0.1"], "label,score", "no column clip"),
        (["a,a,real,1"], "clip,clip,label,score", "more than one column clip"),
        (["a,real,0.1,FF", "b,fake,1,EMO"], f"{HEADER},set", "row 2, column set: 'FF'"),
        (["a,real,0.1,", "b,fake,1,real"], f"{HEADER},set", "row 3, column set: 'real'"),
        (["a,real,0.1,", f"b,fake,1,{ALL}"], f"{HEADER},set", "stands for all"),
        (["a,real,0.1,x", "b,fake,1,"], f"{HEADER},fitted_without", "no such set"),
        (["a,real,0.1,jpeg", "b,fake,1,jpeg"], f"{HEADER},condition", "no row has the condition matched"),
        (["a,real,0.1,hard", "b,fake,1,"], f"{HEADER},severity", "only perturbations"),
        (["a,real,0.1,0.5", "b,fake,1,0"], f"{HEADER},fold", "row 2, column fold"),
        (["a,real,0.1,p,0", "b,fake,1,p,1"], f"{HEADER},cluster,fold", "row 3, column fold: '1'.*same cluster"),
    ],
)
def test_what_cannot_be_used_is_refused_by_row_and_column(
    tmp_path: Path, lines: list[str], header: str, says: str
) -> None:
    with pytest.raises(ConfigError, match=says):
        read_scores(_file(tmp_path, *lines, header=header))


@pytest.mark.parametrize("name", ["absent.csv", "absent.parquet", "noise.csv", "noise.parquet"])
def test_what_is_no_table_is_refused(tmp_path: Path, name: str) -> None:
    if name.startswith("noise"):
        (tmp_path / name).write_bytes(b"\x89PNG\xff\xfe\x00\n\x00" * 50)
    with pytest.raises(ConfigError, match="can't be read"):
        read_scores(tmp_path / name)


def test_a_column_of_lists_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "scores.parquet"
    pd.DataFrame({"clip": ["a", "b"], "label": [0, 1], "score": [0.0, 1.0], "face": [[1], [2]]}).to_parquet(path)
    with pytest.raises(ConfigError, match="column face holds list"):
        read_scores(path)
