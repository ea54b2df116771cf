"""The kernel distance: known answers, unbiasedness, blocks, slopes, and two reference implementations."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from curate.errors import EmoforgeError
from evaluate import kernel_distance
from evaluate.kernel_distance import biased_kid, kernel_sums, kid_of_subsets, kid_slopes, unbiased_kid

Matrix = NDArray[np.float64]


def normal(n: int, d: int, *, seed: int, mean: float = 0.0) -> Matrix:
    return np.random.default_rng(seed).normal(mean, size=(n, d))


@pytest.mark.parametrize(("y", "unbiased", "biased"), [([0, 1], -3.5, 0.0), ([0, 2], -13.0, 19.75)])
def test_two_numbers_against_two(y: list[float], unbiased: float, biased: float) -> None:
    sums = kernel_sums(np.array([[0.0], [1.0]]), np.array(y, np.float64)[:, None])
    assert unbiased_kid(sums) == unbiased
    assert biased_kid(sums) == biased


def test_the_unbiased_estimate_is_right_on_average_and_the_biased_is_not() -> None:
    """N(0, I4) against N(0.5, I4): 1.328125 in the population; 20,000 draws would give 1.3271 +- 0.0074."""
    random = np.random.default_rng(0)
    draws = [kernel_sums(random.normal(size=(20, 4)), random.normal(0.5, size=(20, 4))) for _ in range(4000)]
    values = np.array([unbiased_kid(sums) for sums in draws])
    error = values.std() / len(values) ** 0.5
    assert values.mean() == pytest.approx(1.328125, abs=3 * error)
    assert error < 0.02
    assert np.mean([biased_kid(sums) for sums in draws]) > 1.5


def test_blocks_and_order_change_no_digit(monkeypatch: pytest.MonkeyPatch) -> None:
    x, y = normal(130, 6, seed=1), normal(90, 6, seed=2, mean=0.2)
    whole = unbiased_kid(kernel_sums(x, y))
    monkeypatch.setattr(kernel_distance, "BLOCK_ROWS", 37)
    assert unbiased_kid(kernel_sums(x, y)) == pytest.approx(whole, rel=1e-12)
    assert unbiased_kid(kernel_sums(x[::-1], y)) == pytest.approx(whole, rel=1e-12)
    assert unbiased_kid(kernel_sums(y, x)) == pytest.approx(whole, rel=1e-12)


def test_a_set_against_itself() -> None:
    x = normal(50, 6, seed=3)
    assert biased_kid(kernel_sums(x, x)) == pytest.approx(0, abs=1e-13)
    assert unbiased_kid(kernel_sums(x, x)) < 0


def test_equal_sizes_agree_with_torchmetrics() -> None:
    kid = pytest.importorskip("torchmetrics.image.kid", reason="torchmetrics is a development dependency")
    x, y = normal(60, 24, seed=4), normal(60, 24, seed=5, mean=0.3)
    theirs = float(kid.poly_mmd(torch.from_numpy(x), torch.from_numpy(y)))
    assert unbiased_kid(kernel_sums(x, y)) == pytest.approx(theirs, rel=1e-12)


def test_subsets_are_torch_fidelitys() -> None:
    theirs = pytest.importorskip("torch_fidelity.metric_kid", reason="torch-fidelity is a development dependency")
    x, y = normal(300, 32, seed=6), normal(260, 32, seed=7, mean=0.1)
    found = theirs.kid_features_to_metric(
        torch.from_numpy(x), torch.from_numpy(y), kid_subsets=20, kid_subset_size=100, verbose=False
    )
    mean, deviation = kid_of_subsets(x, y, n_subsets=20, subset_size=100)
    assert mean == pytest.approx(found["kernel_inception_distance_mean"], rel=1e-10)
    assert deviation == pytest.approx(found["kernel_inception_distance_std"], rel=1e-9)


def test_subsets_follow_their_seed_and_shrink_to_the_smaller_set() -> None:
    x, y = normal(40, 8, seed=8), normal(25, 8, seed=9)
    assert kid_of_subsets(x, y) == kid_of_subsets(x, y)
    assert kid_of_subsets(x, y, seed=1) != kid_of_subsets(x, y, seed=2)
    assert kid_of_subsets(x[:25], y) == (
        pytest.approx(unbiased_kid(kernel_sums(x[:25], y))),
        pytest.approx(0, abs=1e-9),
    )


def test_slopes_are_what_leaving_one_out_takes_away() -> None:
    x, y = normal(200, 5, seed=10), normal(150, 5, seed=11, mean=0.4)
    whole, (of_x, of_y) = unbiased_kid(kernel_sums(x, y)), kid_slopes(kernel_sums(x, y))
    without_x = [whole - unbiased_kid(kernel_sums(np.delete(x, i, axis=0), y)) for i in range(20)]
    without_y = [whole - unbiased_kid(kernel_sums(x, np.delete(y, i, axis=0))) for i in range(20)]
    assert of_x[:20] == pytest.approx(np.array(without_x), rel=0.02, abs=2e-4)
    assert of_y[:20] == pytest.approx(np.array(without_y), rel=0.02, abs=2e-4)
    assert of_x.sum() == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize(("n", "d", "said"), [(1, 3, "two feature vectors"), (4, 2, "2 and 3 dimensions")])
def test_sets_that_have_no_distance_are_refused(n: int, d: int, said: str) -> None:
    with pytest.raises(EmoforgeError, match=said):
        kernel_sums(np.zeros((n, d)), np.zeros((4, 3)))
