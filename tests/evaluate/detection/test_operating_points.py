"""Operating points: known answers worked out by hand, scikit-learn on any scores, and what draws of weights mean."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray
from sklearn import metrics as sk
from torchmetrics.functional.classification import binary_auroc, binary_average_precision, binary_eer

from evaluate.detection.counts import Counts, counts
from evaluate.detection.operating_points import (
    auc,
    average_precision,
    det_points,
    equal_error_rate,
    partial_auc,
    roc,
    rocch_eer,
    smallest_resolvable_fpr,
    tpr_at_fpr,
)

SKLEARN = ([0.1, 0.4, 0.35, 0.8], [0, 0, 1, 1])
CONSTANT = ([0.5, 0.5, 0.5, 0.5], [0, 0, 1, 1])
INVERTED = ([0.9, 0.8, 0.2, 0.1], [0, 0, 1, 1])
TIED = (np.repeat(np.arange(50), 2) / 50, np.tile([0, 1], 50))
UNEVEN = ([0.1, 0.2, 0.7, 0.3, 0.6, 0.8, 0.9, 0.95], [0, 0, 0, 1, 1, 1, 1, 1])


def of(case: tuple[object, object]) -> Counts:
    return counts(np.asarray(case[0], float), np.asarray(case[1]) == 1)


@pytest.mark.parametrize(
    ("case", "area", "eer", "hull"),
    [
        (SKLEARN, 0.75, 0.5, 0.25),
        (CONSTANT, 0.5, 0.5, 0.5),
        (INVERTED, 0.0, 1.0, 0.5),
        (TIED, 0.5, 0.5, 0.5),
        (UNEVEN, 0.8666666666666667, 1 / 3, 0.18181818181818182),
    ],
    ids=["sklearn", "constant", "inverted", "tied", "uneven"],
)
def test_known_answers(case: tuple[object, object], area: float, eer: float, hull: float) -> None:
    assert auc(of(case)) == pytest.approx(area, abs=1e-12)
    assert equal_error_rate(of(case)) == pytest.approx(eer, abs=1e-12)
    assert rocch_eer(of(case)) == pytest.approx(hull, abs=1e-9)


def test_known_precision_and_partial_area() -> None:
    assert average_precision(of(SKLEARN)) == pytest.approx(5 / 6)
    assert average_precision(of(UNEVEN)) == pytest.approx(0.926666666667)
    assert partial_auc(of(SKLEARN), 0.5) == pytest.approx(2 / 3)
    assert partial_auc(of(SKLEARN), 0.5, standardised=False) == pytest.approx(0.25)
    assert partial_auc(of(UNEVEN), 1.0) == pytest.approx(auc(of(UNEVEN)))


def test_precision_at_a_prevalence_is_that_of_a_stream_with_so_many_fakes() -> None:
    held = of(SKLEARN)
    assert average_precision(held, 0.5) == pytest.approx(average_precision(held))
    # at 0.8 half of the fakes and no real clip; at 0.35 all fakes and half of the real clips
    assert average_precision(held, 0.01) == pytest.approx(0.5 * 1 + 0.5 * 0.01 / (0.01 + 0.99 * 0.5))


def test_a_false_alarm_rate_is_never_exceeded_and_never_interpolated() -> None:
    held = of(UNEVEN)
    assert tpr_at_fpr(held, 0.0) == pytest.approx(3 / 5)  # no real clip at or above 0.8
    assert tpr_at_fpr(held, 0.33) == pytest.approx(3 / 5)
    assert tpr_at_fpr(held, 1 / 3) == pytest.approx(1.0)
    thirty = counts(np.arange(60) / 60, np.arange(60) % 2 == 1)
    for tenth in (0.1, 1 - 0.9):  # three false alarms of thirty are a tenth, however that was reckoned
        assert tpr_at_fpr(thirty, tenth) == pytest.approx(4 / 30)


def test_resolution_is_the_rule_of_three() -> None:
    assert smallest_resolvable_fpr(3000) == pytest.approx(1e-3)
    assert smallest_resolvable_fpr(0) == float("inf")


def test_det_points_are_normal_deviates_within_bounds() -> None:
    fpr, fnr = det_points(of(SKLEARN))
    assert fpr[0] == pytest.approx(-3.719, abs=1e-3)
    assert fnr[0] == pytest.approx(3.719, abs=1e-3)
    assert fpr[2] == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize("labels", [(), (False, False), (True, True)], ids=["no clips", "real only", "fake only"])
def test_without_one_class_numbers_are_not_numbers(labels: tuple[bool, ...]) -> None:
    held = counts(np.linspace(0.1, 0.2, len(labels)), np.array(labels, bool))
    for metric in METRICS:
        assert np.isnan(metric(held))
    assert np.isnan(partial_auc(held, 0.3, standardised=False))
    assert np.isnan(rocch_eer(held))


def test_draws_of_a_perfect_detector_are_perfect() -> None:
    """Also where the number of pairs, 5,203 x 5,205, is no float32."""
    is_fake = np.arange(5203 + 5205) >= 5203
    held = counts(is_fake.astype(float), is_fake, np.ones((1, len(is_fake)), np.float32))
    assert auc(held) == average_precision(held) == partial_auc(held, 0.1) == 1.0


def test_eer_where_the_closest_point_is_taken_is_another_number() -> None:
    """The mean of both rates at the point where they are closest, as torchmetrics has it, isn't where they meet."""
    scores, labels = (torch.tensor(column) for column in UNEVEN)
    assert float(binary_eer(scores, labels)) == pytest.approx(0.366667, abs=1e-6)
    assert equal_error_rate(of(UNEVEN)) == pytest.approx(1 / 3)


def test_a_score_that_is_no_number_is_refused() -> None:
    with pytest.raises(ValueError, match="abstained"):
        counts(np.array([0.1, np.nan]), np.array([False, True]))


METRICS: tuple[Callable[[Counts], NDArray[np.floating]], ...] = (
    auc,
    average_precision,
    lambda held: average_precision(held, 0.01),
    equal_error_rate,
    lambda held: tpr_at_fpr(held, 0.1),
    lambda held: partial_auc(held, 0.3),
)

# few different values, so that ties come up
SCORES = hnp.arrays(float, st.integers(4, 60), elements=st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.5001, 0.9, 1.0]))


def halves(n: int) -> NDArray[np.bool_]:
    return np.arange(n) % 3 > 0


@settings(max_examples=60, deadline=None)
@given(scores=SCORES)
def test_agrees_with_scikit_learn(scores: NDArray[np.float64]) -> None:
    is_fake = halves(len(scores))
    held = counts(scores, is_fake)
    assert auc(held) == pytest.approx(sk.roc_auc_score(is_fake, scores))
    assert average_precision(held) == pytest.approx(sk.average_precision_score(is_fake, scores))
    for limit in (0.1, 0.5):
        assert partial_auc(held, limit) == pytest.approx(sk.roc_auc_score(is_fake, scores, max_fpr=limit))
    fpr, tpr, _ = sk.roc_curve(is_fake, scores, drop_intermediate=False)
    np.testing.assert_allclose(np.stack(roc(held)), np.stack([fpr, tpr]))


@settings(max_examples=30, deadline=None)
@given(scores=SCORES)
def test_agrees_with_torchmetrics(scores: NDArray[np.float64]) -> None:
    is_fake = halves(len(scores))
    held, given_them = counts(scores, is_fake), (torch.from_numpy(scores), torch.from_numpy(is_fake).long())
    assert auc(held) == pytest.approx(float(binary_auroc(*given_them)), abs=1e-6)
    assert average_precision(held) == pytest.approx(float(binary_average_precision(*given_them)), abs=1e-6)
    assert partial_auc(held, 0.3) == pytest.approx(float(binary_auroc(*given_them, max_fpr=0.3)), abs=1e-6)


@settings(max_examples=30, deadline=None)
@given(scores=SCORES, prevalence=st.sampled_from([1e-4, 0.01, 0.5, 0.9]))
def test_a_prevalence_weighs_the_classes(scores: NDArray[np.float64], prevalence: float) -> None:
    is_fake = halves(len(scores))
    weights = np.where(is_fake, prevalence / is_fake.sum(), (1 - prevalence) / (~is_fake).sum())
    theirs = sk.average_precision_score(is_fake, scores, sample_weight=weights)
    assert average_precision(counts(scores, is_fake), prevalence) == pytest.approx(theirs)


@settings(max_examples=60, deadline=None)
@given(scores=SCORES)
def test_eer_of_the_hull_is_the_error_where_the_classes_are_shared_most_awkwardly(scores: NDArray[np.float64]) -> None:
    """Minimax (Brümmer 2010): over prevalences, the highest of the errors of the best thresholds for them."""
    held = counts(scores, halves(len(scores)))
    fpr, tpr = roc(held)
    errors = np.stack([1 - tpr, fpr])  # error at a prevalence p: p fnr + (1 - p) fpr
    slope = (errors[0] - errors[1])[:, None] - (errors[0] - errors[1])
    with np.errstate(divide="ignore", invalid="ignore"):
        crossings = ((errors[1] - errors[1][:, None]) / slope).ravel()
    prevalences = np.append([0.0, 1.0], crossings[(crossings > 0) & (crossings < 1)])[:, None]
    best = (prevalences * errors[0] + (1 - prevalences) * errors[1]).min(axis=1)
    assert rocch_eer(held) == pytest.approx(best.max(), abs=1e-9)


@settings(max_examples=60, deadline=None)
@given(scores=SCORES)
def test_eer_is_where_misses_and_false_alarms_meet(scores: NDArray[np.float64]) -> None:
    """On the ROC's straight pieces; the hull's is no larger than it, nor than a half; turning the scores mirrors it."""
    held = counts(scores, halves(len(scores)))
    eer = float(equal_error_rate(held))
    fpr, tpr = roc(held)
    surplus = 1 - tpr - fpr
    at = int(np.argmax(surplus <= 0))
    weight = surplus[at - 1] / (surplus[at - 1] - surplus[at])
    on_curve = np.array([fpr, 1 - tpr])[:, at - 1] * (1 - weight) + np.array([fpr, 1 - tpr])[:, at] * weight
    np.testing.assert_allclose(on_curve, [eer, eer], atol=1e-12)
    assert rocch_eer(held) <= min(eer, 0.5) + 1e-9
    assert equal_error_rate(counts(-scores, halves(len(scores)))) == pytest.approx(1 - eer)


@settings(max_examples=40, deadline=None)
@given(scores=SCORES, seed=st.integers(0, 100))
def test_a_weight_is_how_often_a_clip_is_there(scores: NDArray[np.float64], seed: int) -> None:
    is_fake = halves(len(scores))
    weights = np.random.default_rng(seed).integers(0, 4, (3, len(scores))).astype(np.float32)
    weights[:, :3] += 1  # both classes in every draw
    drawn = counts(scores, is_fake, weights)
    for metric in METRICS:
        values = metric(drawn)
        for row, value in zip(weights, values, strict=True):
            often = np.repeat(np.arange(len(scores)), row.astype(int))
            assert value == pytest.approx(float(metric(counts(scores[often], is_fake[often]))), abs=1e-6)
