"""The mean and covariance of feature vectors: streamed, merged, kept as plain arrays, and exact at any rank."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import linalg

from curate.errors import EmoforgeError

Matrix = NDArray[np.float64]

MIN_SAMPLES = 2
"""A covariance needs two vectors: numpy's and every FID implementation's divisor is n - 1."""
BLOCK_ROWS, BLOCK_DIMENSIONS = 4096, 5
"""Rows that a stream holds before it folds them in: at least the first, and the second times the dimensions."""
SAFE_CONDITION = 1e5
"""Of a triangle: up to here, squaring costs a distance about 1e-11 of the traces at worst, and mostly 1e-15."""
ITERATIONS = 10  # of a power method, for the order of magnitude of a condition


@dataclass(frozen=True, kw_only=True, eq=False)
class Gaussian:
    """A set of features as its mean, and its covariance as a factor: covariance = factor.T @ factor.

    mean: (d,); factor: (k, d), the centred vectors where they are few, else a triangle, k <= d; n: how many vectors.
    """

    mean: Matrix
    factor: Matrix
    n: int

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """As plain arrays, for an .npz without pickles; equal to the last bit when read back."""
        return {"mean": self.mean, "factor": self.factor, "n": np.array(self.n)}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Gaussian:
        """Read `to_arrays` back; EmoforgeError for anything that can't be a mean, a factor and a count."""
        missing = [key for key in ("mean", "factor", "n") if key not in arrays]
        if missing:
            raise EmoforgeError(f"These are no stored statistics: {', '.join(missing)} missing.")
        mean, factor, n = (np.asarray(arrays[key]) for key in ("mean", "factor", "n"))
        if mean.ndim != 1 or factor.ndim != 2 or n.ndim != 0 or not factor.size or factor.shape[1:] != mean.shape:
            shapes = f"mean {mean.shape}, factor {factor.shape}, n {n.shape}"
            raise EmoforgeError(f"These are no stored statistics: {shapes}, not (d,), (k, d) and one number.")
        if mean.dtype != np.float64 or factor.dtype != np.float64 or n.dtype.kind not in "iu":
            raise EmoforgeError(f"These are no stored statistics: {mean.dtype}, {factor.dtype}, {n.dtype} numbers.")
        if n < MIN_SAMPLES or not (np.isfinite(mean).all() and np.isfinite(factor).all()):
            raise EmoforgeError(f"These stored statistics are broken: n = {n}, or values that are not finite.")
        return cls(mean=mean, factor=factor, n=int(n))


class Statistics:
    """The Gaussian of a stream of features, in memory of O(d^2) however many come.

    Vectors are folded in by blocks of one size, so the result depends on their order alone, not on how they were cut
    into `add`s, and on their order in the last digits only.
    """

    def __init__(self) -> None:
        self._block: Matrix | None = None
        self._filled = 0
        self._folded: Gaussian | None = None

    def add(self, features: NDArray[np.floating]) -> None:
        """Take in (n, d) more vectors, n >= 0; EmoforgeError where they aren't finite or of another dimension."""
        rows = checked(features)
        if self._block is None:
            self._block = np.empty((max(BLOCK_ROWS, BLOCK_DIMENSIONS * rows.shape[1]), rows.shape[1]))
        if rows.shape[1] != self._block.shape[1]:
            raise EmoforgeError(f"Features of {self._block.shape[1]} and {rows.shape[1]} dimensions cannot be pooled.")
        while len(rows):
            if self._filled == len(self._block):
                self._fold()
            taken = min(len(rows), len(self._block) - self._filled)
            self._block[self._filled : self._filled + taken] = rows[:taken]
            self._filled += taken
            rows = rows[taken:]

    def gaussian(self) -> Gaussian:
        """The Gaussian of all vectors so far; EmoforgeError for fewer than two. More may be added afterwards."""
        self._fold()
        if self._folded is None or self._folded.n < MIN_SAMPLES:
            n = self._folded.n if self._folded else 0
            raise EmoforgeError(f"A Fréchet distance needs at least {MIN_SAMPLES} feature vectors, got {n}.")
        return self._folded

    def _fold(self) -> None:
        if self._block is None or not self._filled:
            return
        block = self._block[: self._filled]
        mean = block.mean(axis=0)
        block -= mean
        self._folded = _joined(mean, block, self._filled, self._folded)
        self._filled = 0


def checked(features: NDArray[np.floating]) -> NDArray[np.floating]:
    """The features, once they are known to be (n, d) finite numbers; else EmoforgeError."""
    rows = np.asarray(features)
    if rows.ndim != 2 or not rows.shape[1]:
        raise EmoforgeError(f"Features are (n, d) numbers, one row a vector, not of shape {rows.shape}.")
    if not np.isfinite(rows).all():
        raise EmoforgeError("The features hold NaN or infinite values; the network or its input is broken.")
    return rows


def gaussian(features: NDArray[np.floating]) -> Gaussian:
    """The mean and unbiased covariance (divisor n - 1) of features (n, d), in float64.

    Raises EmoforgeError for fewer than two vectors or for values that are not finite.
    """
    statistics = Statistics()
    statistics.add(features)
    return statistics.gaussian()


def merged(parts: Iterable[Gaussian]) -> Gaussian:
    """The Gaussian of all parts' vectors together, as if they had come in one piece (rounding apart)."""
    first, *rest = parts
    for part in rest:
        first = _joined(part.mean, part.factor * math.sqrt(part.n - 1), part.n, first)
    return first


def _joined(mean: Matrix, rows: Matrix, n: int, before: Gaussian | None) -> Gaussian:
    """Add n vectors of which `rows` hold the scatter, rows.T @ rows, about their mean.

    Scatters add up, with one direction more, that between the two means (Chan, Golub and LeVeque 1983).
    """
    if before is None:
        return Gaussian(mean=mean, factor=_narrow([rows]) / math.sqrt(max(n - 1, 1)), n=n)
    if mean.shape != before.mean.shape:
        raise EmoforgeError(f"Features of {len(before.mean)} and {len(mean)} dimensions cannot be pooled.")
    total = before.n + n
    gap = mean - before.mean
    between = math.sqrt(before.n / total * n) * gap
    factor = _narrow([before.factor * math.sqrt(before.n - 1), rows, between[None]])
    return Gaussian(mean=before.mean + gap * (n / total), factor=factor / math.sqrt(total - 1), n=total)


def _narrow(pieces: Sequence[Matrix]) -> Matrix:
    """At most d rows with the same rows.T @ rows as all pieces together.

    The Cholesky factor of that product takes a third of a QR's time, and loses digits only where it is near-singular:
    there, and where the product isn't positive definite (a feature that is always 0), the R of a QR.
    """
    if sum(map(len, pieces)) <= pieces[0].shape[1]:
        return np.concatenate(pieces)
    product = sum((piece.T @ piece for piece in pieces[1:]), pieces[0].T @ pieces[0])
    triangle, failed = linalg.lapack.dpotrf(product, lower=0, clean=1)
    if not failed and _condition(triangle) < SAFE_CONDITION:
        return cast(Matrix, triangle)
    rows = torch.from_numpy(np.concatenate(pieces))
    return cast(Matrix, torch.linalg.qr(rows, mode="r").R.numpy())


def _condition(triangle: Matrix) -> float:
    """The largest over the smallest singular value, roughly; LAPACK's estimate in the 1-norm is off by up to d."""
    large = small = np.random.default_rng(0).normal(size=len(triangle))
    for _ in range(ITERATIONS):
        large = triangle.T @ (triangle @ (large / np.linalg.norm(large)))
        half = linalg.solve_triangular(triangle, small / np.linalg.norm(small), trans=1, check_finite=False)
        small = linalg.solve_triangular(triangle, half, check_finite=False)
    return float(np.sqrt(np.linalg.norm(large) * np.linalg.norm(small)))
