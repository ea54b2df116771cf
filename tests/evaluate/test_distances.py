"""The Fréchet distance: closed forms, exactness at low rank, invariances, and two independent implementations."""

import itertools

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy import linalg

from curate.errors import EmoforgeError
from evaluate.distances import frechet_distance, frechet_slopes, nuclear_norm
from evaluate.gaussians import Gaussian, gaussian

Matrix = NDArray[np.float64]


def distance(x: Matrix, y: Matrix) -> float:
    return frechet_distance(gaussian(x), gaussian(y))


def with_moments(mean: float, deviation: float) -> Matrix:
    """Two numbers with exactly this mean and unbiased deviation."""
    return np.array([[mean - deviation / 2**0.5], [mean + deviation / 2**0.5]])


def corners() -> Matrix:
    return np.array(list(itertools.product((-1.0, 1.0), repeat=6)))


def test_one_dimension_is_the_squared_gap_of_means_and_of_deviations() -> None:
    assert distance(with_moments(1.0, 2.0), with_moments(4.0, 0.5)) == pytest.approx(9.0 + 2.25, abs=1e-12)


def test_covariances_that_do_not_commute() -> None:
    mean = np.zeros(2)
    first = Gaussian(mean=mean, factor=np.linalg.cholesky([[2.0, 1.0], [1.0, 2.0]]).T, n=9)
    second = Gaussian(mean=mean, factor=np.diag([1.0, 3.0**0.5]), n=9)
    assert frechet_distance(first, second) == pytest.approx(0.516685226452117, abs=1e-13)


def test_scaled_and_shifted_corners() -> None:
    assert distance(corners(), corners() / 2 + 0.25) == pytest.approx(1.898809523809524, abs=1e-14)


@pytest.mark.parametrize(
    ("n", "d", "shift"), [(200, 2048, 0.1), (5, 64, 0.3), (63, 64, 1.0), (65, 64, 1.0), (2, 3, 2.0)]
)
def test_a_shift_alone_gives_its_squared_length_at_any_rank(n: int, d: int, shift: float) -> None:
    x = np.random.default_rng(0).normal(size=(n, d))
    assert distance(x, x + shift) == pytest.approx(d * shift**2, rel=1e-10)


def test_float32_features_far_from_zero_lose_nothing() -> None:
    """Single-precision covariances give 3.43 here (the mean of 3 swamps the shift)."""
    x = (3 + 2 * np.random.default_rng(0).normal(size=(200, 512))).astype(np.float32).astype(np.float64)
    assert distance(x, x + 0.1) == pytest.approx(5.12, abs=1e-9)


@pytest.mark.parametrize(("n", "d"), [(40, 8), (8, 40)])
def test_zero_for_itself_symmetric_rotation_invariant_and_quadratic_in_scale(n: int, d: int) -> None:
    random = np.random.default_rng(1)
    x, y = random.normal(size=(n, d)), random.normal(size=(n + 3, d)) * 1.3 + 0.2
    turn = np.linalg.qr(random.normal(size=(d, d)))[0]
    true = distance(x, y)
    assert distance(x, x) == 0.0
    assert distance(y, x) == pytest.approx(true, rel=1e-12)
    assert distance(x @ turn, y @ turn) == pytest.approx(true, rel=1e-11)
    assert distance(3 * x, 3 * y) == pytest.approx(9 * true, rel=1e-11)
    assert distance(x[::-1], y) == pytest.approx(true, rel=1e-12)


def test_features_that_are_always_zero_are_no_trouble() -> None:
    """Dead units make covariances singular although n > d, where a Cholesky factor fails and a matrix root is wrong."""
    random = np.random.default_rng(2)
    x, y = random.normal(size=(50, 10)), random.normal(size=(60, 10)) + 1
    padded = (np.pad(x, ((0, 0), (0, 7))), np.pad(y, ((0, 0), (0, 7))))
    assert distance(*padded) == pytest.approx(distance(x, y), rel=1e-12)


def test_full_rank_agrees_with_scipy() -> None:
    random = np.random.default_rng(3)
    x, y = random.normal(size=(400, 24)), random.normal(size=(300, 24)) @ np.diag(np.linspace(0.2, 2, 24)) + 0.5
    first, second = np.cov(x.T), np.cov(y.T)
    root = linalg.sqrtm(first @ second).real
    gap = x.mean(0) - y.mean(0)
    assert distance(x, y) == pytest.approx(float(gap @ gap + np.trace(first + second - 2 * root)), rel=1e-11)


def test_full_rank_agrees_with_torchmetrics() -> None:
    image = pytest.importorskip("torchmetrics.image.fid", reason="torchmetrics is a development dependency")
    random = np.random.default_rng(4)
    x, y = random.normal(size=(90, 12)), random.normal(size=(80, 12)) * 0.7 + 0.1
    moments = [torch.from_numpy(m) for m in (x.mean(0), np.cov(x.T), y.mean(0), np.cov(y.T))]
    assert distance(x, y) == pytest.approx(float(image._compute_fid(*moments)), rel=1e-11)


@pytest.mark.parametrize("condition", [1e0, 1e3, 1e6, 1e9, 1e15])
def test_the_nuclear_norm_holds_at_any_condition(condition: float) -> None:
    random = np.random.default_rng(5)
    left, right = (np.linalg.qr(random.normal(size=(30, 30)))[0] for _ in range(2))
    values = np.geomspace(1, 1 / condition, 30)
    assert nuclear_norm(left * values @ right, tolerance=1e-11) == pytest.approx(values.sum(), abs=2e-11)


def test_single_precision_covariances_are_the_trap_that_float64_avoids() -> None:
    """The same features and the usual formula (eigenvalues of the product), all in float32."""
    x = (3 + 2 * np.random.default_rng(0).normal(size=(200, 512))).astype(np.float32)
    y = x + np.float32(0.1)
    product = torch.from_numpy(np.cov(x.T, dtype=np.float32)) @ torch.from_numpy(np.cov(y.T, dtype=np.float32))
    root = float(torch.linalg.eigvals(product).sqrt().real.sum())
    spread = float(np.trace(np.cov(x.T, dtype=np.float32)) + np.trace(np.cov(y.T, dtype=np.float32)))
    single = float(np.sum((x.mean(0) - y.mean(0)) ** 2)) + spread - 2 * root
    assert abs(single - 5.12) > 0.5
    assert distance(x.astype(np.float64), y.astype(np.float64)) == pytest.approx(5.12, abs=1e-5)


def weighted(x: Matrix, weights: Matrix) -> Gaussian:
    n = weights.sum()
    mean = weights @ x / n
    return Gaussian(mean=mean, factor=np.sqrt(weights / (n - 1))[:, None] * (x - mean), n=len(x))


@pytest.mark.parametrize(("n", "m", "d"), [(30, 40, 6), (12, 9, 40), (60, 8, 20)])
def test_slopes_are_the_change_by_a_little_more_weight(n: int, m: int, d: int) -> None:
    random = np.random.default_rng(6)
    x, y = random.normal(size=(n, d)), random.normal(size=(m, d)) * 0.6 + 0.4
    of_x, of_y = frechet_slopes(gaussian(x), gaussian(y))
    for i in (0, 5):
        step = 1e-5 * np.eye(n)[i]
        up, down = (frechet_distance(weighted(x, 1 + sign * step), gaussian(y)) for sign in (1, -1))
        assert of_x(x)[i] == pytest.approx((up - down) / 2e-5, rel=1e-5, abs=1e-7)
        step = 1e-5 * np.eye(m)[i]
        up, down = (frechet_distance(gaussian(x), weighted(y, 1 + sign * step)) for sign in (1, -1))
        assert of_y(y)[i] == pytest.approx((up - down) / 2e-5, rel=1e-5, abs=1e-7)


def test_different_dimensions_are_refused() -> None:
    with pytest.raises(EmoforgeError, match="3 and 4 dimensions"):
        distance(np.eye(3), np.eye(4))
