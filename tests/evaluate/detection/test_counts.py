"""Counts: what lies above each score, by its definition, whatever the order, the ties and the axes of the weights."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from evaluate.detection.counts import counts

# few different values, so that ties come up; two zeros, which are equal
SCORES = hnp.arrays(float, st.integers(1, 40), elements=st.sampled_from([-0.0, 0.0, 0.25, 0.5, 0.5001, 1.0]))


def labelled(scores: NDArray[np.float64]) -> NDArray[np.bool_]:
    return np.arange(len(scores)) % 3 > 0


@settings(max_examples=60, deadline=None)
@given(scores=SCORES, seed=st.integers(0, 100))
def test_counts_are_the_weights_at_or_above_each_score(scores: NDArray[np.float64], seed: int) -> None:
    is_fake = labelled(scores)
    weights = np.random.default_rng(seed).integers(0, 4, (2, 3, len(scores))).astype(np.float32)
    held = counts(scores, is_fake, weights)
    assert held.thresholds.tolist() == sorted(set(scores.tolist()), reverse=True)
    above = scores[:, None] >= held.thresholds
    np.testing.assert_array_equal(held.fake_above, weights @ (above & is_fake[:, None]))
    np.testing.assert_array_equal(held.real_above, weights @ (above & ~is_fake[:, None]))
    np.testing.assert_array_equal(held.n_fake, weights[..., is_fake].sum(axis=-1))
    np.testing.assert_array_equal(held.n_real, weights[..., ~is_fake].sum(axis=-1))


@settings(max_examples=30, deadline=None)
@given(scores=SCORES, seed=st.integers(0, 100))
def test_the_order_of_clips_changes_nothing(scores: NDArray[np.float64], seed: int) -> None:
    is_fake, order = labelled(scores), np.random.default_rng(seed).permutation(len(scores))
    one, other = counts(scores, is_fake), counts(scores[order], is_fake[order])
    for name in ("thresholds", "real_above", "fake_above", "n_real", "n_fake"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


def test_shares_start_above_all_scores_and_are_not_to_be_written_to() -> None:
    real, fake = counts(np.array([0.2, 0.8, 0.8, 0.9]), np.array([False, False, True, True])).shares
    assert real.tolist() == [0, 0, 0.5, 1]
    assert fake.tolist() == [0, 0.5, 1, 1]
    with pytest.raises(ValueError, match="read-only"):
        real[0] = 1


def test_shares_are_as_exact_from_draws_as_from_clips() -> None:
    scores, is_fake = np.arange(60) / 60, np.arange(60) % 2 == 1
    once, drawn = counts(scores, is_fake), counts(scores, is_fake, np.ones((1, 60), np.float32))
    np.testing.assert_array_equal(np.stack(drawn.shares)[:, 0], np.stack(once.shares))


def test_no_clips_are_no_thresholds() -> None:
    held = counts(np.zeros(0), np.zeros(0, bool), np.zeros((2, 0), np.float32))
    assert held.thresholds.shape == (0,)
    assert held.real_above.shape == (2, 0)
    assert held.n_real.tolist() == held.n_fake.tolist() == [0, 0]
