"""DeLong's interval for AUC, for clips that are independent: with several clips a person it holds far too rarely.

Our numbers come from `draws`; this one is here to be compared with those of papers.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from evaluate.intervals import LEVEL, Interval

LEAST_CLIPS = 2  # of a class, for a variance


def delong_variance(scores: NDArray[np.float64], is_fake: NDArray[np.bool_]) -> float:
    """The variance of AUC by DeLong, DeLong & Clarke-Pearson 1988; ties count half. nan under two clips of a class."""
    return _auc_and_variance(scores, is_fake)[1]


def delong_interval(
    scores: NDArray[np.float64], is_fake: NDArray[np.bool_], *, level: float = LEVEL
) -> Interval | None:
    """AUC plus and minus normal quantiles of DeLong's deviation, kept in [0, 1].

    None where the variance is 0 (right on all clips, say) or unknown: that is no certainty.
    """
    auc, variance = _auc_and_variance(scores, is_fake)
    if not variance > 0:
        return None
    reach = stats.norm.ppf((1 + level) / 2) * np.sqrt(variance)
    low, high = max(0.0, auc - reach), min(1.0, auc + reach)
    return Interval(low=float(low), high=float(high), level=level, how="DeLong, clips taken as independent")


def _auc_and_variance(scores: NDArray[np.float64], is_fake: NDArray[np.bool_]) -> tuple[float, float]:
    """By mid-ranks (Sun & Xu 2014): a clip's rank among all, less its rank in its class, counts those it beats."""
    fake, real = scores[is_fake], scores[~is_fake]
    if min(len(fake), len(real)) < LEAST_CLIPS:
        return float("nan"), float("nan")
    ranks = stats.rankdata(scores)
    beaten = (ranks[is_fake] - stats.rankdata(fake)) / len(real)  # share of real clips under each fake one
    beating = 1 - (ranks[~is_fake] - stats.rankdata(real)) / len(fake)  # share of fake clips over each real one
    variance = np.var(beaten, ddof=1) / len(fake) + np.var(beating, ddof=1) / len(real)
    return float(beaten.mean()), float(variance)
