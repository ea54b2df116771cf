"""Means and covariances: streamed and merged as a whole, kept as arrays, and broken ones refused."""

import numpy as np
import pytest
from numpy.typing import NDArray

from curate.errors import EmoforgeError
from evaluate import gaussians
from evaluate.distances import frechet_distance
from evaluate.gaussians import Gaussian, Statistics, gaussian, merged

Matrix = NDArray[np.float64]


def vectors(n: int, d: int, *, seed: int = 0) -> Matrix:
    return np.random.default_rng(seed).normal(size=(n, d)) * np.linspace(0.1, 3, d) + 5.0


def streamed(features: Matrix, sizes: tuple[int, ...]) -> Gaussian:
    statistics = Statistics()
    for piece in np.split(features, np.cumsum(sizes)):
        statistics.add(piece)
    return statistics.gaussian()


@pytest.mark.parametrize(("n", "d"), [(500, 16), (40, 64), (64, 64), (65, 64)])
def test_mean_and_covariance_are_numpys(n: int, d: int) -> None:
    found, x = gaussian(vectors(n, d)), vectors(n, d)
    np.testing.assert_allclose(found.mean, x.mean(0), rtol=1e-13)
    np.testing.assert_allclose(found.factor.T @ found.factor, np.cov(x.T), atol=1e-12)
    assert found.factor.shape == (min(n, d), d)


@pytest.mark.parametrize(("n", "d"), [(300, 24), (20, 48), (60, 48)])
@pytest.mark.parametrize("grouping", ["left", "right", "tree", "ones"])
def test_shards_merged_in_any_grouping_are_the_whole(n: int, d: int, grouping: str) -> None:
    x, y = vectors(n, d), vectors(n + 5, d, seed=1) + 0.3
    shards = [gaussian(x[at : at + n // 5]) for at in range(0, n, n // 5)]
    pooled = {
        "left": lambda: merged(shards),
        "right": lambda: merged([shards[0], merged([shards[1], merged(shards[2:])])]),
        "tree": lambda: merged([merged(shards[3:]), merged(shards[:3])]),
        "ones": lambda: streamed(x, (1,) * (n - 1)),
    }[grouping]()
    assert pooled.n == n
    assert frechet_distance(pooled, gaussian(y)) == pytest.approx(frechet_distance(gaussian(x), gaussian(y)), rel=1e-10)
    assert frechet_distance(pooled, gaussian(x)) == pytest.approx(0, abs=1e-9)


def test_how_a_stream_is_cut_changes_no_bit_and_its_order_no_digit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gaussians, "BLOCK_ROWS", 50)
    x, y = vectors(333, 12), gaussian(vectors(80, 12, seed=1))
    whole, cut = streamed(x, ()), streamed(x, (7, 0, 100, 1, 49))
    np.testing.assert_array_equal(whole.factor, cut.factor)
    np.testing.assert_array_equal(whole.mean, cut.mean)
    shuffled = streamed(np.random.default_rng(2).permutation(x), (50,))
    true = frechet_distance(gaussian(x), y)
    assert frechet_distance(whole, y) == pytest.approx(true, rel=1e-12)
    assert frechet_distance(shuffled, y) == pytest.approx(true, rel=1e-12)


def test_a_stream_holds_one_block_however_many_vectors_come(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gaussians, "BLOCK_ROWS", 50)
    statistics = Statistics()
    for seed in range(40):
        statistics.add(vectors(30, 12, seed=seed))
        held = [value for value in vars(statistics).values() if isinstance(value, np.ndarray)]
        assert [array.shape for array in held] == [(60, 12)]
    assert statistics.gaussian().factor.shape == (12, 12)
    assert statistics.gaussian().n == 1200


def test_near_singular_rows_keep_their_digits() -> None:
    """The product of rows of deviations 1 and 1e-9 has lost the second, its Cholesky factor with it."""
    turn = np.linalg.qr(np.random.default_rng(3).normal(size=(2, 2)))[0]
    x = np.random.default_rng(4).normal(size=(50, 2))
    thin = gaussian(x * [1.0, 1e-9] @ turn)
    exact = np.linalg.svd(thin.factor, compute_uv=False)
    centred = (x - x.mean(0)) * [1.0, 1e-9] / 7
    np.testing.assert_allclose(exact, np.linalg.svd(centred, compute_uv=False), rtol=1e-6)


def test_arrays_are_read_back_to_the_last_bit() -> None:
    kept = gaussian(vectors(30, 8))
    read = Gaussian.from_arrays(kept.to_arrays())
    np.testing.assert_array_equal(read.factor, kept.factor)
    np.testing.assert_array_equal(read.mean, kept.mean)
    assert read.n == kept.n
    assert frechet_distance(read, kept) == 0.0


@pytest.mark.parametrize(
    "broken",
    [
        {"mean": np.zeros(3)},
        {"mean": np.zeros((4, 1))},
        {"factor": np.zeros((0, 4))},
        {"factor": np.full((4, 4), np.nan)},
        {"factor": np.zeros((4, 4), np.complex128)},
        {"factor": np.array(["x"] * 4)[None]},
        {"n": np.array(1)},
        {"n": np.array(7.5)},
        {"n": np.array([9, 9])},
    ],
    ids=str,
)
def test_broken_arrays_are_refused(broken: dict[str, Matrix]) -> None:
    with pytest.raises(EmoforgeError, match="stored statistics"):
        Gaussian.from_arrays(gaussian(vectors(9, 4)).to_arrays() | broken)


def test_missing_arrays_are_named() -> None:
    with pytest.raises(EmoforgeError, match="factor, n missing"):
        Gaussian.from_arrays({"mean": np.zeros(3)})


@pytest.mark.parametrize("features", [np.zeros((1, 4)), np.zeros((0, 4)), np.zeros(4), np.array([[0.0], [np.nan]])])
def test_what_can_not_have_a_covariance_is_refused(features: Matrix) -> None:
    with pytest.raises(EmoforgeError, match=r"[Ff]eature"):
        gaussian(features)


def test_an_empty_stream_and_a_change_of_dimension_are_refused() -> None:
    statistics = Statistics()
    with pytest.raises(EmoforgeError, match="at least 2"):
        statistics.gaussian()
    statistics.add(np.zeros((3, 4)))
    with pytest.raises(EmoforgeError, match="4 and 5 dimensions"):
        statistics.add(np.zeros((3, 5)))


@pytest.mark.parametrize("condition", [1e1, 1e3, 1e5, 1e7, 1e9])
def test_a_distance_is_exact_at_any_condition(condition: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """The quick factor, where it is taken, against a QR, from vectors that nearly lie in a plane."""
    random = np.random.default_rng(5)
    turn = np.linalg.qr(random.normal(size=(20, 20)))[0]
    thin = random.normal(size=(400, 20)) * np.geomspace(1, 1 / condition, 20) @ turn
    round_ = random.normal(size=(300, 20))
    found = frechet_distance(gaussian(thin), gaussian(round_))
    monkeypatch.setattr(gaussians, "SAFE_CONDITION", 0)
    assert found == pytest.approx(frechet_distance(gaussian(thin), gaussian(round_)), rel=1e-11)
