"""Thresholds and costs: chosen as they say, known answers by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray
from sklearn import metrics as sk

from evaluate.detection.costs import (
    balanced_accuracy,
    best_threshold,
    expected_cost,
    threshold_at_fpr,
    weighted_precision,
)
from evaluate.detection.counts import counts
from evaluate.detection.operating_points import tpr_at_fpr

CALLED = np.array([True, False, True, True, False])
FAKE = np.array([True, True, True, False, False])
SCORES = hnp.arrays(float, st.integers(4, 40), elements=st.sampled_from([0.0, 0.1, 0.4, 0.5, 0.9, 1.0]))


def test_known_answers() -> None:
    assert balanced_accuracy(CALLED, FAKE) == pytest.approx((2 / 3 + 1 / 2) / 2)
    assert weighted_precision(CALLED, FAKE) == pytest.approx(2 / (2 + 100))
    assert weighted_precision(CALLED, FAKE, alpha=1.0) == pytest.approx(sk.precision_score(FAKE, CALLED))
    assert np.isnan(weighted_precision(np.zeros(5, bool), FAKE))
    assert expected_cost(0.2, 0.1, 0.01, 100.0, 1.0) == pytest.approx(0.01 * 100 * 0.2 + 0.99 * 0.1)
    # classes as frequent and mistakes as dear: the cost is what balanced accuracy lacks
    assert expected_cost(1 / 3, 1 / 2, 0.5, 1.0, 1.0) == pytest.approx(1 - float(balanced_accuracy(CALLED, FAKE)))


def test_without_one_class_a_balance_is_no_number() -> None:
    assert np.isnan(balanced_accuracy(CALLED, np.ones(5, bool)))
    assert np.isnan(balanced_accuracy(CALLED, np.zeros(5, bool)))


def test_weights_are_how_often_a_clip_is_there() -> None:
    weights = np.array([1.0, 0, 2, 3, 1])
    often = np.repeat(np.arange(5), weights.astype(int))
    assert balanced_accuracy(CALLED, FAKE, weights) == pytest.approx(
        float(balanced_accuracy(CALLED[often], FAKE[often]))
    )
    assert weighted_precision(CALLED, FAKE, weights) == pytest.approx(
        float(weighted_precision(CALLED[often], FAKE[often]))
    )


@settings(max_examples=60, deadline=None)
@given(scores=SCORES)
def test_no_threshold_is_better_than_the_best(scores: NDArray[np.float64]) -> None:
    is_fake = np.arange(len(scores)) % 2 == 0
    reached = balanced_accuracy(scores >= best_threshold(scores, is_fake), is_fake)
    tried = [balanced_accuracy(scores >= level, is_fake) for level in [*np.unique(scores), 2.0]]
    assert reached == pytest.approx(float(max(tried)))


def test_the_best_threshold_lies_half_way() -> None:
    assert best_threshold(np.array([0.1, 0.2, 0.6, 0.9]), np.array([False, False, True, True])) == pytest.approx(0.4)
    # nothing lies between neighbouring numbers: the higher one is called fake and the lower isn't
    near = np.nextafter(np.nextafter(1.0, 0.0), 0.0)
    assert best_threshold(np.array([near, np.nextafter(near, 1.0)]), np.array([False, True])) > near
    with pytest.raises(ValueError, match="real and generated"):
        best_threshold(np.array([0.1, 0.2]), np.array([True, True]))


@settings(max_examples=60, deadline=None)
@given(scores=SCORES, fpr=st.sampled_from([0.0, 0.01, 0.1, 0.25, 0.5, 1.0]))
def test_a_threshold_at_a_rate_keeps_it_and_is_the_lowest_that_does(scores: NDArray[np.float64], fpr: float) -> None:
    threshold = threshold_at_fpr(scores, fpr)
    assert np.mean(scores >= threshold) <= fpr + 1e-12
    lower = scores[scores < threshold]
    assert not len(lower) or np.mean(scores >= lower.max()) > fpr


@settings(max_examples=60, deadline=None)
@given(scores=SCORES, fpr=st.sampled_from([0.0, 0.1, 0.25, 0.5, 1.0]))
def test_a_threshold_at_a_rate_finds_the_fakes_that_the_operating_point_says(
    scores: NDArray[np.float64], fpr: float
) -> None:
    is_fake = np.arange(len(scores)) % 2 == 0
    found = np.mean(scores[is_fake] >= threshold_at_fpr(scores[~is_fake], fpr))
    assert found == pytest.approx(float(tpr_at_fpr(counts(scores, is_fake), fpr)))


@pytest.mark.parametrize(("n", "fpr", "accused"), [(100, 0.29, 29), (99, 0.1, 9), (30, 1 - 0.9, 3), (10, 0.05, 0)])
def test_a_threshold_at_a_rate_accuses_as_many_as_it_may(n: int, fpr: float, accused: int) -> None:
    """Also where 0.29 x 100 is a little less than 29."""
    scores = np.arange(n) / n
    assert np.sum(scores >= threshold_at_fpr(scores, fpr)) == accused


def test_a_threshold_at_a_rate_takes_real_clips_that_have_scores() -> None:
    for scores in (np.zeros(0), np.array([0.1, np.nan])):
        with pytest.raises(ValueError, match="scores of real clips"):
            threshold_at_fpr(scores, 0.1)
