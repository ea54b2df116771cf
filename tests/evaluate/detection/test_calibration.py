"""Calibration: known answers, scikit-learn, and bins that don't tear equal scores apart."""

import numpy as np
import pytest
from sklearn import metrics as sk

from evaluate.detection.calibration import brier, expected_calibration_error, log_loss, reliability

SCORES = np.array([0.1, 0.4, 0.35, 0.8])
FAKE = np.array([False, False, True, True])


def test_known_answers() -> None:
    assert log_loss(SCORES, FAKE) == pytest.approx(0.472288, abs=1e-6)
    assert brier(SCORES, FAKE) == pytest.approx(0.158125)


def test_agrees_with_scikit_learn() -> None:
    random = np.random.default_rng(0)
    scores, is_fake = random.uniform(size=200), random.uniform(size=200) < 0.3
    assert log_loss(scores, is_fake) == pytest.approx(sk.log_loss(is_fake, scores))
    assert brier(scores, is_fake) == pytest.approx(sk.brier_score_loss(is_fake, scores))


def test_agrees_with_scikit_learn_on_weighted_clips() -> None:
    random = np.random.default_rng(1)
    scores, is_fake, often = random.uniform(size=50), np.arange(50) % 3 == 0, random.integers(0, 4, 50)
    drawn = often.astype(np.float32)
    assert log_loss(scores, is_fake, drawn) == pytest.approx(sk.log_loss(is_fake, scores, sample_weight=often))
    assert brier(scores, is_fake, drawn) == pytest.approx(sk.brier_score_loss(is_fake, scores, sample_weight=often))


def test_calibration_error_is_the_mean_distance_over_equal_parts_of_the_sorted_clips() -> None:
    scores = np.random.default_rng(2).permutation(np.linspace(0, 1, 150))
    is_fake = np.random.default_rng(3).uniform(size=150) < scores**2
    parts = np.array_split(np.argsort(scores), 15)
    by_hand = np.mean([abs(scores[part].mean() - is_fake[part].mean()) for part in parts])
    assert expected_calibration_error(scores, is_fake) == pytest.approx(by_hand)
    assert by_hand > 0.1


def test_no_clips_are_no_numbers() -> None:
    for metric in (log_loss, brier, expected_calibration_error):
        assert np.isnan(metric(np.zeros(0), np.zeros(0, bool)))
        assert np.isnan(metric(SCORES, FAKE, np.zeros((2, 4)))).all()


def test_a_sure_mistake_costs_a_bounded_amount() -> None:
    assert log_loss(np.array([0.0]), np.array([True])) == pytest.approx(34.5388, abs=1e-4)
    assert log_loss(np.array([1.0]), np.array([True])) == pytest.approx(0.0, abs=1e-12)


def test_a_calibrated_detector_has_no_error_and_a_sure_one_that_guesses_has_a_half() -> None:
    scores = np.repeat([0.2, 0.8], 100)
    is_fake = np.tile(np.arange(10) < 2, 20)
    is_fake[100:] = ~is_fake[100:]
    assert expected_calibration_error(scores, is_fake) == pytest.approx(0.0, abs=1e-12)
    assert expected_calibration_error(np.ones(200), np.arange(200) % 2 == 0) == pytest.approx(0.5)


def test_equal_scores_share_a_bin_and_bins_hold_about_as_many() -> None:
    rows = reliability(np.repeat([0.2, 0.8], 100), np.arange(200) % 4 == 0)
    np.testing.assert_allclose(rows, [(0.2, 0.25, 100), (0.8, 0.25, 100)])
    spread = reliability(np.linspace(0, 1, 300), np.zeros(300, bool))
    assert [clips for _, _, clips in spread] == [20] * 15


def test_weights_are_how_often_a_clip_is_there() -> None:
    weights = np.array([[1, 2, 0, 3], [1, 1, 1, 1]], np.float64)
    often = np.repeat(np.arange(4), [1, 2, 0, 3])
    for metric in (log_loss, brier):
        np.testing.assert_allclose(
            metric(SCORES, FAKE, weights), [metric(SCORES[often], FAKE[often]), metric(SCORES, FAKE)]
        )
    assert expected_calibration_error(SCORES, FAKE, weights)[1] == expected_calibration_error(SCORES, FAKE)
