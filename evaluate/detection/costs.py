"""Thresholds, and what a decision at one costs. A clip is called fake where its score is at least the threshold."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from evaluate.detection.counts import Array, counts
from evaluate.detection.operating_points import roc

DFDC_ALPHA = 100.0  # real videos to a fake one in the stream that the Deepfake Detection Challenge imagined

Called = NDArray[np.bool_]


def balanced_accuracy(called_fake: Called, is_fake: Called, weights: Array | None = None) -> Array:
    """Mean of the share of fakes that are called fake and of real clips that aren't; 0 to 1, 0.5 is chance."""
    found, alarms = _shares(called_fake, is_fake, weights)
    return np.asarray((found + 1 - alarms) / 2)


def best_threshold(scores: NDArray[np.floating], is_fake: NDArray[np.bool_]) -> float:
    """The threshold of the highest balanced accuracy, half-way between two neighbouring scores.

    Of several as good, the middle one. ValueError without clips of both classes.
    """
    if len(np.unique(is_fake)) < 2:
        raise ValueError("a threshold takes real and generated clips to choose")
    held = counts(scores, is_fake)
    fpr, tpr = roc(held)
    gain = np.round(tpr - fpr, 12)
    best = np.flatnonzero(gain == gain.max())
    return _between(held.thresholds, int(best[len(best) // 2]))


def threshold_at_fpr(scores_of_real: NDArray[np.floating], fpr: float) -> float:
    """The lowest threshold that calls at most a share `fpr` of these real clips fake: just above one of them.

    ValueError without real clips, or for a score that is no number.
    """
    if not len(scores_of_real) or np.isnan(scores_of_real).any():
        raise ValueError("a threshold at a false-alarm rate takes scores of real clips, without those who abstained")
    falling = np.sort(scores_of_real)[::-1]
    allowed = int(np.floor(fpr * len(falling) + 1e-9))
    return float(np.nextafter(falling[allowed], np.inf)) if allowed < len(falling) else -float("inf")


def expected_cost(
    fnr: Array | float, fpr: Array | float, prevalence: float, cost_miss: float, cost_false_alarm: float
) -> Array:
    """What a video costs on average where a share `prevalence` is fake (Drummond and Holte 2006); lower is better."""
    return np.asarray(prevalence * cost_miss * np.asarray(fnr) + (1 - prevalence) * cost_false_alarm * np.asarray(fpr))


def weighted_precision(
    called_fake: Called, is_fake: Called, weights: Array | None = None, *, alpha: float = DFDC_ALPHA
) -> Array:
    """TP / (TP + alpha FP): precision if there were `alpha` times as many real videos (Dolhansky et al. 2020, DFDC).

    0 to 1; nan where nothing is called fake.
    """
    often = np.ones(len(is_fake)) if weights is None else weights
    true, false = (often @ (called_fake & (is_fake == kind)).astype(often.dtype) for kind in (True, False))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(true / (true + alpha * false), np.float64)


def _shares(called_fake: Called, is_fake: Called, weights: Array | None) -> tuple[Array, Array]:
    """The shares of fakes and of real clips that are called fake."""
    often = np.ones(len(is_fake)) if weights is None else weights
    with np.errstate(invalid="ignore"):
        shares = [
            often @ (called_fake & kind).astype(often.dtype) / (often @ kind.astype(often.dtype))
            for kind in (is_fake, ~is_fake)
        ]
    return np.asarray(shares[0]), np.asarray(shares[1])


def _between(falling: NDArray[np.float64], above: int) -> float:
    """A threshold with the `above` highest scores over it."""
    if above == 0:
        return float(np.nextafter(falling[0], np.inf))
    if above == len(falling):
        return float(falling[-1])
    higher, lower = falling[above - 1], falling[above]
    middle = (higher + lower) / 2
    return float(middle if middle > lower else higher)  # no number lies between neighbouring ones
