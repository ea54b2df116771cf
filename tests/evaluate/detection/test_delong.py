"""DeLong's variance against the definition and known numbers, and where it is no interval."""

import numpy as np
import pytest

from evaluate.detection.delong import delong_interval, delong_variance


@pytest.mark.parametrize(
    ("is_fake", "scores", "variance"),
    [
        ([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8], 0.125),
        ([0, 0, 0, 1, 1, 1, 1, 1], [0.1, 0.2, 0.7, 0.3, 0.6, 0.8, 0.9, 0.95], 0.0244444),
    ],
)
def test_known_variances(is_fake: list[int], scores: list[float], variance: float) -> None:
    assert delong_variance(np.array(scores), np.array(is_fake, bool)) == pytest.approx(variance, abs=5e-8)


def test_the_variance_by_ranks_is_that_of_all_pairs_with_ties() -> None:
    random = np.random.default_rng(0)
    scores, is_fake = random.integers(0, 6, 60) / 6, random.random(60) < 0.4
    fake, real = scores[is_fake], scores[~is_fake]
    wins = np.sign(fake[:, None] - real) / 2 + 0.5
    expected = wins.mean(1).var(ddof=1) / len(fake) + wins.mean(0).var(ddof=1) / len(real)
    assert delong_variance(scores, is_fake) == pytest.approx(expected, rel=1e-12)
    interval = delong_interval(scores, is_fake)
    assert interval is not None
    assert (interval.low + interval.high) / 2 == pytest.approx(wins.mean())
    assert interval.high - interval.low == pytest.approx(2 * 1.959964 * np.sqrt(expected), rel=1e-6)


def test_there_is_no_interval_where_all_pairs_are_right_or_a_class_has_one_clip() -> None:
    assert delong_interval(np.array([0.1, 0.2, 0.8, 0.9]), np.array([False, False, True, True])) is None
    assert delong_interval(np.array([0.1, 0.9, 0.2]), np.array([False, True, True])) is None


def test_an_interval_ends_at_one() -> None:
    interval = delong_interval(np.array([0.1, 0.4, 0.35, 0.8]), np.array([False, False, True, True]))
    assert interval is not None
    assert interval.high == 1.0
