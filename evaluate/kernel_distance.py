"""Kernel distance (KID) between two sets of feature vectors: both estimators in full, and the subsets of papers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from curate.errors import EmoforgeError
from evaluate.gaussians import Matrix, checked

BLOCK_ROWS = 2048
SUBSETS, SUBSET_SIZE, SEED = 100, 1000, 2020
"""The reference's protocol and torch-fidelity's seed."""


@dataclass(frozen=True, kw_only=True, eq=False)
class KernelSums:
    """All that the estimators need of the kernel k(x, y) = (x.y / d + 1)^3 between two sets of n and m vectors.

    own_x (n,): sum over the others of x's own set; cross_x (n,): over y; diagonal_x (n,): k(x, x). The same for y.
    """

    own_x: Matrix
    own_y: Matrix
    cross_x: Matrix
    cross_y: Matrix
    diagonal_x: Matrix
    diagonal_y: Matrix


def kernel_sums(x: NDArray[np.floating], y: NDArray[np.floating]) -> KernelSums:
    """Go through all pairs by blocks in float64: memory grows with n + m; EmoforgeError below two vectors a set."""
    x, y = checked(x), checked(y)
    if min(len(x), len(y)) < 2:
        raise EmoforgeError(f"A kernel distance needs two feature vectors a set, got {len(x)} and {len(y)}.")
    if x.shape[1] != y.shape[1]:
        raise EmoforgeError(f"Features of {x.shape[1]} and {y.shape[1]} dimensions cannot be compared.")
    diagonal_x, diagonal_y = _diagonal(x), _diagonal(y)
    cross_x, cross_y = _sums(x, y)
    return KernelSums(
        own_x=_sums(x, x)[0] - diagonal_x,
        own_y=_sums(y, y)[0] - diagonal_y,
        cross_x=cross_x,
        cross_y=cross_y,
        diagonal_x=diagonal_x,
        diagonal_y=diagonal_y,
    )


def unbiased_kid(sums: KernelSums) -> float:
    """The squared MMD without pairs of a vector with itself: 0 on average for equal distributions, may be negative.

    Source: Binkowski et al. 2018 (arXiv 1801.01401); Gretton et al. 2012, equation 3. Lower is nearer.
    """
    n, m = len(sums.own_x), len(sums.own_y)
    own = sums.own_x.sum() / (n * (n - 1)) + sums.own_y.sum() / (m * (m - 1))
    return float(own - 2 * sums.cross_x.sum() / (n * m))


def biased_kid(sums: KernelSums) -> float:
    """The squared MMD with all pairs: never negative, 0 for equal sets, too large by O(1/n). Gretton, equation 5."""
    n, m = len(sums.own_x), len(sums.own_y)
    own = (sums.own_x + sums.diagonal_x).sum() / n**2 + (sums.own_y + sums.diagonal_y).sum() / m**2
    return float(own - 2 * sums.cross_x.sum() / (n * m))


def kid_slopes(sums: KernelSums) -> tuple[Matrix, Matrix]:
    """The derivative of the unbiased estimate by the weight of each x (n,), and of each y (m,)."""
    n, m = len(sums.own_x), len(sums.own_y)
    by_x, by_y = sums.own_x / (n - 1) - sums.cross_x / m, sums.own_y / (m - 1) - sums.cross_y / n
    return 2 * (by_x - by_x.mean()) / n, 2 * (by_y - by_y.mean()) / m


def kid_of_subsets(
    x: NDArray[np.floating],
    y: NDArray[np.floating],
    *,
    n_subsets: int = SUBSETS,
    subset_size: int = SUBSET_SIZE,
    seed: int = SEED,
) -> tuple[float, float]:
    """Mean and deviation of the unbiased estimate over random subsets, drawn in torch-fidelity's order: its numbers.

    Subsets are as large as the smaller set where that has fewer than `subset_size`. The deviation is that of subsets
    that overlap: not an interval. `unbiased_kid` is what the mean tends to.
    """
    random = np.random.RandomState(seed)
    size = min(subset_size, len(x), len(y))
    pairs = (
        (random.choice(len(x), size, replace=False), random.choice(len(y), size, replace=False))
        for _ in range(n_subsets)
    )
    values = [unbiased_kid(kernel_sums(x[of_x], y[of_y])) for of_x, of_y in pairs]
    return float(np.mean(values)), float(np.std(values))


def _sums(x: NDArray[np.floating], y: NDArray[np.floating]) -> tuple[Matrix, Matrix]:
    """The kernel's sums over y for each x, and over x for each y."""
    over_y, over_x = np.zeros(len(x)), np.zeros(len(y))
    for i in range(0, len(x), BLOCK_ROWS):
        rows = x[i : i + BLOCK_ROWS].astype(np.float64)
        for j in range(0, len(y), BLOCK_ROWS):
            kernel = _cube(rows @ y[j : j + BLOCK_ROWS].astype(np.float64).T / x.shape[1])
            over_y[i : i + BLOCK_ROWS] += kernel.sum(axis=1)
            over_x[j : j + BLOCK_ROWS] += kernel.sum(axis=0)
    return over_y, over_x


def _diagonal(x: NDArray[np.floating]) -> Matrix:
    return _cube(np.sum(np.square(x, dtype=np.float64), axis=1) / x.shape[1])


def _cube(products: Matrix) -> Matrix:
    """(p + 1)^3 by multiplying: numpy's power takes fifty times as long."""
    plus = products + 1.0
    cubes: Matrix = plus * plus * plus
    return cubes
