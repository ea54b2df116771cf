"""Fréchet distance between two sets of feature vectors, exact in float64 whatever the rank, and its slopes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import linalg

from curate.errors import EmoforgeError
from evaluate.gaussians import Gaussian, Matrix

TOLERANCE = 1e-11  # of the traces: what the faster route may lose before the exact one is taken
NULL = 1e-9  # of the largest singular value: below, a direction that only rounding fills

Slopes = Callable[[NDArray[np.floating]], Matrix]
"""(n, d) vectors of one set -> (n,): how fast the distance grows with each vector's weight, all weights being 1."""


def frechet_distance(a: Gaussian, b: Gaussian) -> float:
    """|ma - mb|^2 + tr(Sa + Sb - 2 (Sa Sb)^(1/2)); zero for equal sets, lower is nearer, in squared feature units.

    With Sa = A'A and Sb = B'B the trace of the root is the nuclear norm of A B' (its singular values are the roots
    of the eigenvalues of Sa Sb), which is exact for any rank: no matrix root, no regularisation, no complex part.
    Source: Dowson and Landau 1982.
    """
    _check_comparable(a, b)
    shift = float(np.sum((a.mean - b.mean) ** 2))
    spread = float(np.sum(a.factor**2) + np.sum(b.factor**2))
    resolution = TOLERANCE * spread  # nearer to zero than this is rounding
    distance = shift + spread - 2.0 * nuclear_norm(a.factor @ b.factor.T, tolerance=resolution)
    return distance if distance > resolution else 0.0


def nuclear_norm(matrix: Matrix, *, tolerance: float) -> float:
    """The sum of the singular values of (m, n), to within about `tolerance`.

    First as roots of the eigenvalues of M M', at a third of an SVD's time. Squaring costs digits where a singular value
    is small: when the bound on that loss (each root is off by at most eps max / 2 root) is over `tolerance`, by SVD.
    """
    wide = matrix if matrix.shape[0] <= matrix.shape[1] else matrix.T
    squares = linalg.eigvalsh(wide @ wide.T, check_finite=False)
    roots = np.sqrt(np.maximum(squares, 0.0))
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        loss = float(np.sum(0.5 * np.finfo(np.float64).eps * roots[-1] ** 2 / roots))
    if loss <= tolerance:
        return float(roots.sum())
    return float(np.sum(linalg.svdvals(matrix, check_finite=False)))


def frechet_slopes(a: Gaussian, b: Gaussian) -> tuple[Slopes, Slopes]:
    """The distance's derivative by the weight of each vector of a, and of b: what an interval over clips needs.

    With A B' = U s V' the trace of the root is the sum over a's vectors x of |s^(-1/2) V' B (x - ma)|^2 / (n - 1), and
    half of a vector's share is its slope. Weights near 1 leave the rank alone, so this holds at any rank.
    """
    _check_comparable(a, b)
    u, s, vt = (part.numpy() for part in torch.linalg.svd(torch.from_numpy(a.factor @ b.factor.T), full_matrices=False))
    kept = s > NULL * s[0]
    roots = np.sqrt(s[kept])[:, None]
    of_a, of_b = vt[kept] / roots @ b.factor, u[:, kept].T / roots @ a.factor
    return _slopes(a, b.mean, of_a, float(s.sum())), _slopes(b, a.mean, of_b, float(s.sum()))


def _slopes(own: Gaussian, other_mean: Matrix, root: Matrix, norm: float) -> Slopes:
    spread = float(np.sum(own.factor**2))

    def slopes(features: NDArray[np.floating]) -> Matrix:
        centred = np.asarray(features, np.float64) - own.mean
        shift = 2.0 * centred @ (own.mean - other_mean) / own.n
        shares = np.sum(centred**2, axis=1) - np.sum((centred @ root.T) ** 2, axis=1)
        change: Matrix = shift + (shares - spread + norm) / (own.n - 1)
        return change

    return slopes


def _check_comparable(a: Gaussian, b: Gaussian) -> None:
    if a.mean.shape != b.mean.shape:
        raise EmoforgeError(f"Features of {len(a.mean)} and {len(b.mean)} dimensions cannot be compared.")
