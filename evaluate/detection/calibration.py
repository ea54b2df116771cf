"""Whether a probability means what it says: log-loss, Brier score, calibration error, and the rows of its plot."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from evaluate.detection.counts import Array

CLIP = 1e-15  # of a probability before its logarithm, as the Deepfake Detection Challenge did: no score costs over 34.5
BINS = 15

Scores = NDArray[np.floating]
Fakes = NDArray[np.bool_]


def log_loss(scores: Scores, is_fake: Fakes, weights: Array | None = None, *, clip: float = CLIP) -> Array:
    """Mean of -log(probability of what the clip is), natural; 0 to 34.5, lower is better, 0.693 for always 0.5.

    `weights` (..., n): how often each clip counts.
    """
    sure = np.clip(np.asarray(scores, np.float64), clip, 1 - clip)
    return _mean(-np.where(is_fake, np.log(sure), np.log1p(-sure)), weights)


def brier(scores: Scores, is_fake: Fakes, weights: Array | None = None) -> Array:
    """Mean squared distance of the probability from 0 (real) or 1 (fake); 0 to 1, lower is better (Brier 1950)."""
    return _mean((np.asarray(scores, np.float64) - is_fake) ** 2, weights)


def expected_calibration_error(
    scores: Scores, is_fake: Fakes, weights: Array | None = None, *, bins: int = BINS
) -> Array:
    """Mean distance, over bins of about as many clips each, of the mean probability from the share of fakes; 0 to 1.

    Equal scores share a bin; bins are those of the unweighted clips, so that draws differ in nothing but weights. With
    few clips it is far from 0 even for a calibrated detector: a bin's share is then nearly 0 or 1 by itself.
    """
    place = _bins(scores, bins)
    member = place[:, None] == np.arange(bins)
    often = np.ones(len(place)) if weights is None else weights
    surplus = (member * (np.asarray(scores, np.float64) - is_fake)[:, None]).astype(often.dtype)
    with np.errstate(invalid="ignore"):
        return np.asarray(np.abs(often @ surplus).sum(axis=-1) / often.sum(axis=-1), np.float64)


def reliability(scores: Scores, is_fake: Fakes, *, bins: int = BINS) -> list[tuple[float, float, int]]:
    """Rows (mean probability, share of fakes, clips) of the bins of `expected_calibration_error`, rising."""
    place = _bins(scores, bins)
    held = [place == each for each in range(bins) if np.any(place == each)]
    return [(float(np.mean(scores[rows])), float(np.mean(is_fake[rows])), int(rows.sum())) for rows in held]


def _bins(scores: Scores, bins: int) -> NDArray[np.intp]:
    rising = np.sort(scores)
    edges = rising[np.arange(1, bins) * len(rising) // bins] if len(rising) else rising
    return np.searchsorted(edges, scores, side="right")


def _mean(values: NDArray[np.float64], weights: Array | None) -> Array:
    if weights is None:
        return np.asarray(values.mean() if len(values) else np.nan)
    with np.errstate(invalid="ignore"):
        return np.asarray(weights @ values.astype(weights.dtype) / weights.sum(axis=-1), np.float64)
