"""From answers and fits to the table: a row for each, with its severity's rank; and stacking of out-of-fold answers."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from evaluate.detection.controls import PERMUTED, REAL_HALVES
from evaluate.detection.detector import Detector, Model, Values
from evaluate.detection.fitting import Labelled, Predicted, Purpose
from evaluate.detection.run_table import Clips, Fits, controls_of, score_table, stacked, trivial_table
from evaluate.detection.score_table import COLUMNS, MATCHED, ORIGINAL, REAL
from evaluate.detection.scoring import Answer
from evaluate.observation import Observation

SETS = np.repeat([REAL, "A", "B"], 4)
USUAL = Purpose(kind="usual")
N = len(SETS)


def unused(observation: Observation) -> Values:
    raise AssertionError("the table looks at no video")


def no_fit(observations: Sequence[Values], is_fake: NDArray[np.bool_], seed: int) -> Model:
    raise AssertionError("the table fits nothing but what stacks")


FINISHED = Detector(name="finished", origin="test", score=lambda observation: 0.5)
FITTED = Detector(name="fitted", origin="test", observe=unused, fit=no_fit)


def answers(clip: int) -> tuple[Answer, ...]:
    """A finished detector is silent on clip 0; the fitted one's observations are no answers."""
    given, abstained = (None, "no_face: none") if clip == 0 else (clip / 100, "")
    return (
        Answer(detector="finished", condition=ORIGINAL, given=given, abstained=abstained),
        Answer(detector="finished", condition=MATCHED, given=given, abstained=abstained),
        Answer(
            detector="finished",
            condition="noise",
            severity="sd 8",
            severity_rank=2,
            given=given,
            abstained=abstained,
        ),
        Answer(detector="fitted", condition=MATCHED, given=np.ones(2, np.float32)),
        Answer(detector="fitted", condition="noise", severity="sd 8", severity_rank=2, given=np.ones(2, np.float32)),
    )


@pytest.fixture
def clips() -> Clips:
    cluster = np.array([f"person {clip}" for clip in range(N)])
    labelled = Labelled(set=SETS, is_fake=SETS != REAL, cluster=cluster, fold=np.arange(N) % 2)
    return Clips(names=[f"{clip}.mp4" for clip in range(N)], labelled=labelled, answers=[answers(c) for c in range(N)])


def said(clip: int, score: float | None, condition: str = MATCHED, severity: str = "") -> Predicted:
    reason = "few_examples: none" if score is None else ""
    return Predicted(clip=clip, condition=condition, severity=severity, score=score, abstained=reason)


@pytest.fixture
def fits() -> Fits:
    """Of each purpose another score, so that rows tell whose they are; clip 1 has none."""
    usual = [said(clip, None if clip == 1 else 0.2) for clip in range(N)]
    usual += [said(clip, 0.3, "noise", "sd 8") for clip in range(N)]
    without_b = Purpose(kind="unseen generator", without="B")
    return {
        ("fitted", USUAL): usual,
        ("fitted", Purpose(kind="original")): [said(clip, 0.4, ORIGINAL) for clip in range(N)],
        ("fitted", without_b): [said(clip, 0.6) for clip in np.flatnonzero(SETS != "A").tolist()],
        ("fitted", Purpose(kind=PERMUTED)): [said(clip, clip / N) for clip in range(N)],
        ("fitted", Purpose(kind=REAL_HALVES)): [said(clip, 0.9) for clip in range(4)],
    }


@pytest.fixture
def table(clips: Clips, fits: Fits) -> pd.DataFrame:
    return score_table(clips, [FITTED, FINISHED], fits)


def test_the_table_has_its_columns_sorted_by_name(table: pd.DataFrame) -> None:
    assert tuple(table.columns) == COLUMNS
    assert table.detector.is_monotonic_increasing
    assert not table.duplicated(["set", "clip", "detector", "condition", "severity", "fitted_without"]).any()
    assert list(table.index) == list(range(len(table)))


def test_a_finished_detectors_rows_are_its_answers(table: pd.DataFrame) -> None:
    rows = table[table.detector == "finished"]
    assert len(rows) == 3 * N
    assert set(zip(rows.condition, rows.severity, rows.severity_rank, strict=True)) == {
        (ORIGINAL, "", 0), (MATCHED, "", 0), ("noise", "sd 8", 2),
    }  # fmt: skip
    clip = rows["clip"].str.removesuffix(".mp4").astype(int)
    assert rows.score[clip > 0].tolist() == (clip[clip > 0] / 100).tolist()
    assert rows.score[clip == 0].isna().all()
    assert set(rows.abstained[clip == 0]) == {"no_face: none"}
    assert (rows.set == SETS[clip]).all()
    assert (rows.is_fake == (rows.set != REAL)).all()
    assert (rows.fold == clip % 2).all()


def test_a_fitted_detectors_rows_are_its_predictions_with_the_ranks_of_the_conditions(table: pd.DataFrame) -> None:
    rows = table[table.detector == "fitted"]
    found: dict[tuple[object, ...], tuple[int, float]] = {
        key: (len(part), float(part.score.max()))
        for key, part in rows.groupby(["condition", "severity", "severity_rank", "fitted_without"])
    }
    assert found == {
        (MATCHED, "", 0, ""): (N, 0.2),
        (MATCHED, "", 0, "B"): (8, 0.6),
        ("noise", "sd 8", 2, ""): (N, 0.3),
        (ORIGINAL, "", 0, ""): (N, 0.4),
    }
    assert rows.abstained[rows.score.isna()].tolist() == ["few_examples: none"]


def test_groups_are_columns_of_their_clips(clips: Clips, fits: Fits) -> None:
    groups = pd.DataFrame({"language": [f"l{clip}" for clip in range(N)]}, index=range(100, 100 + N))
    table = score_table(clips, [FINISHED, FITTED], fits, groups=groups)
    assert tuple(table.columns) == (*COLUMNS, "language")
    assert ("l" + table["clip"].str.removesuffix(".mp4") == table.language).all()


def test_controls_judge_by_their_own_labels_and_fits(clips: Clips, fits: Fits) -> None:
    controls = controls_of(clips, [FINISHED, FITTED], fits, draws=100, seed=0)
    found = {(each.detector, each.kind): each.auc for each in controls}
    assert set(found) == {(name, kind) for name in ("finished", "fitted") for kind in (PERMUTED, REAL_HALVES)}
    assert found["fitted", REAL_HALVES].value == 0.5
    assert found["fitted", PERMUTED].value is not None
    assert found["finished", REAL_HALVES].value is not None


def test_stacking_learns_from_out_of_fold_answers_and_those_without_the_generator(clips: Clips, fits: Fits) -> None:
    vectors: dict[tuple[int, ...], list[list[float]]] = {}

    def fit(observations: Sequence[Values], is_fake: NDArray[np.bool_], seed: int) -> Model:
        vectors[len(vectors),] = [values.tolist() for values in observations]
        return lambda values: float(np.nan_to_num(values[1]))

    stacker = Detector(name="stack", origin="test", fit=fit)
    found = stacked(clips, stacker, [FINISHED, FITTED], fits, seed=0)
    usual = {(given.clip, given.condition): given.score for given in found["stack", USUAL]}
    assert usual[5, MATCHED] == pytest.approx(0.2)
    assert usual[5, "noise"] == pytest.approx(0.3)
    assert {given.condition for given in found["stack", Purpose(kind="original")]} == {ORIGINAL}
    unseen = found["stack", Purpose(kind="unseen generator", without="B")]
    assert sorted(given.clip for given in unseen) == np.flatnonzero(SETS != "A").tolist()
    assert {round(given.score or 0, 6) for given in unseen} == {0.6}
    examples = [vector for fold in vectors.values() for vector in fold]
    assert any(np.isnan(vector[0]) for vector in examples)  # clip 0, on which the finished one was silent
    assert all(len(vector) == 2 for vector in examples)


def test_trivial_features_are_a_row_a_clip_and_stage(clips: Clips) -> None:
    features = [{ORIGINAL: {"fps": 25.0}, MATCHED: {"fps": 30.0}}, {ORIGINAL: {"fps": 24.0}}, *[{}] * (N - 2)]
    table = trivial_table(clips, features)
    assert table[["clip", "stage", "fps"]].to_numpy().tolist() == [
        ["0.mp4", ORIGINAL, 25.0], ["0.mp4", MATCHED, 30.0], ["1.mp4", ORIGINAL, 24.0],
    ]  # fmt: skip
