"""What a detector does at every threshold, in one number each: AUC, average precision, EER, TPR at an FPR, partial AUC.

All take Counts and give an array of their leading axes. A number that needs a class that isn't there is nan.
"""

from __future__ import annotations

import numpy as np
from scipy import stats
from scipy.spatial import ConvexHull

from evaluate.detection.counts import Array, Counts

RULE_OF_THREE = 3.0  # n clips without a false alarm say that the rate is under 3 / n, with 95 % confidence
_ROUNDING = 1e-7  # 3 of 30 are no more than 1 - 0.9
_LEAST = np.finfo(np.float64).tiny  # divides nothing by something: where no clip is called fake, none is found


def roc(counts: Counts) -> tuple[Array, Array]:
    """(fpr, tpr), each (..., k + 1): from (0, 0), threshold above every score, to (1, 1)."""
    return counts.shares


def det_points(counts: Counts, *, least: float = 1e-4) -> tuple[Array, Array]:
    """(fpr, fnr) as normal deviates, each (..., k + 1); rates under `least` are drawn at it (Martin et al. 1997)."""
    fpr, tpr = roc(counts)
    inside = (np.clip(rate, least, 1 - least) for rate in (fpr, 1 - tpr))
    deviates = tuple(np.asarray(stats.norm.ppf(rate)) for rate in inside)
    return deviates[0], deviates[1]


def auc(counts: Counts) -> Array:
    """Area under the ROC: how often a fake scores higher than a real clip, ties half. 0 to 1, 0.5 is chance.

    The trapezoid, which is Mann and Whitney's statistic; as scikit-learn's roc_auc_score.
    """
    pairs = _joined(counts.fake_above, counts.real_above)
    with np.errstate(invalid="ignore"):
        return np.asarray(pairs / np.multiply(counts.n_real, counts.n_fake, dtype=np.float64))


def average_precision(counts: Counts, prevalence: float | None = None) -> Array:
    """Precision at each new fake found, averaged; 0 to 1, by chance the share of fakes.

    The step rule of scikit-learn's average_precision_score. With `prevalence`, precision is that of a stream of videos
    of which so many are fake, whatever the share here.
    """
    fpr, tpr = roc(counts)
    with np.errstate(invalid="ignore"):
        share = counts.n_fake / (counts.n_fake + counts.n_real) if prevalence is None else np.asarray(prevalence)
    found = tpr[..., 1:] * share[..., None]
    called = found + fpr[..., 1:] * (1 - share[..., None])
    precision = np.divide(found, np.maximum(called, _LEAST, out=called), out=found)
    return _of_both(counts, np.einsum("...k,...k->...", np.diff(tpr, axis=-1), precision))


def equal_error_rate(counts: Counts) -> Array:
    """The rate at which misses and false alarms are as frequent: where the ROC, its points joined by straight lines,
    crosses fnr = fpr. 0 to 1, lower is better; constant scores give 0.5, scores that are all wrong 1.

    Definitions differ: `rocch_eer` is another. The closest point without interpolation, as often taken, gives 0 or 1
    for constant scores.
    """
    fpr, tpr = roc(counts)
    surplus = 1 - tpr - fpr  # falls from 1 to -1
    after = np.sum(surplus > 0, axis=-1, keepdims=True).clip(1, fpr.shape[-1] - 1)
    before, past = (np.take_along_axis(surplus, at, -1) for at in (after - 1, after))
    low, high = (np.take_along_axis(fpr, at, -1) for at in (after - 1, after))
    with np.errstate(invalid="ignore", divide="ignore"):
        crossing = low + before / (before - past) * (high - low)
    return np.asarray(crossing[..., 0])


def rocch_eer(counts: Counts) -> float:
    """EER of the ROC's convex hull (Brümmer 2010), of one sample: mixing two thresholds by lot is allowed, so that it
    is never above 0.5, nor above `equal_error_rate`."""
    fpr, tpr = roc(counts)
    if fpr.ndim > 1:
        raise ValueError(f"the hull is of one sample, not of {fpr.shape[:-1]} draws")
    points = np.unique(np.stack([np.append(fpr, 1.0), np.append(tpr, 0.0)], axis=1), axis=0)
    if np.isnan(points).any() or not len(counts.thresholds):
        return float("nan")
    hull = ConvexHull(points)
    # of the half-planes a x + b y + c <= 0 that hold the hull, where x = 1 - y crosses the upper ones
    ends = [-(b + c) / (a - b) for a, b, c in hull.equations if a - b < -_ROUNDING]
    return float(max(ends))


def tpr_at_fpr(counts: Counts, fpr: float) -> Array:
    """The share of fakes found by the lowest threshold that accuses at most `fpr` of the real clips; 0 to 1.

    No interpolation: such a threshold exists. Below `smallest_resolvable_fpr` the number means nothing.
    """
    alarms, found = roc(counts)
    at = np.sum(alarms <= fpr + _ROUNDING, axis=-1, keepdims=True).clip(1) - 1
    return _of_both(counts, np.take_along_axis(found, at, -1)[..., 0])


def smallest_resolvable_fpr(n_real: int) -> float:
    """The least false-alarm rate that `n_real` real clips can tell from zero: 3 / n, by the rule of three."""
    return RULE_OF_THREE / n_real if n_real else float("inf")


def partial_auc(counts: Counts, max_fpr: float, *, standardised: bool = True) -> Array:
    """Area under the ROC up to `max_fpr`: raw, or standardised (McClish 1989) so that 0.5 is chance and 1 perfect.

    As scikit-learn's roc_auc_score(max_fpr=...), which standardises.
    """
    if not 0 < max_fpr <= 1:
        raise ValueError(f"max_fpr must be in (0, 1], not {max_fpr}")
    fpr, tpr = roc(counts)
    beyond = int(np.sum(fpr < max_fpr, axis=-1).max()) + 1  # no draw has a point under the limit further on
    fpr, tpr = fpr[..., :beyond], tpr[..., :beyond]
    x = np.minimum(fpr, max_fpr)
    width, whole = np.diff(x, axis=-1), np.diff(fpr, axis=-1)
    within = np.divide(width, whole, out=np.zeros_like(width), where=whole > 0)
    area = np.sum(width * (tpr[..., :-1] + 0.5 * within * np.diff(tpr, axis=-1)), axis=-1)
    if not standardised:
        return _of_both(counts, area)
    least, most = max_fpr**2 / 2, max_fpr
    return _of_both(counts, 0.5 * (1 + (area - least) / (most - least)))


def _of_both(counts: Counts, value: Array) -> Array:
    """The value where there are clips of both classes, else nan."""
    return np.where((counts.n_real > 0) & (counts.n_fake > 0), value, np.nan)


def _joined(fake_above: Array, real_above: Array) -> Array:
    """Pairs won by fakes, ties half: each step's real clips times the mean of the fakes before and with them."""
    reals = np.diff(real_above, prepend=0.0, axis=-1)
    before = np.zeros_like(fake_above)
    before[..., 1:] = fake_above[..., :-1]
    return np.asarray(np.einsum("...k,...k->...", reals, (fake_above + before) / 2, dtype=np.float64))
