"""Controls whose answer is known: with labels that mean nothing, every detector's AUC must be 0.5."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from evaluate.detection.draws import METRICS, Sample, estimate
from evaluate.detection.findings import Control

PERMUTED: Literal["permuted labels"] = "permuted labels"
REAL_HALVES: Literal["real against real"] = "real against real"
_TEXT = {
    PERMUTED: "labels dealt out anew among whole clusters, and fitted detectors fitted on those",
    REAL_HALVES: "half of the real clips called fake, whole clusters at a time, and fitted detectors fitted on those",
}

Labels = NDArray[np.bool_]


def permuted_labels(cluster: NDArray[np.str_], is_fake: Labels, *, seed: int) -> Labels:
    """Labels (n,) dealt out anew: among clusters of one class, whole; within clusters of both, clip by clip."""
    random = np.random.default_rng(seed)
    _, place = np.unique(cluster, return_inverse=True)
    share = np.bincount(place, weights=is_fake) / np.bincount(place)
    pure = np.flatnonzero((share == 0) | (share == 1))
    label_of = share.copy()
    label_of[pure] = random.permutation(share[pure])
    labels: Labels = label_of[place] == 1
    for mixed in np.flatnonzero((share > 0) & (share < 1)):
        rows = np.flatnonzero(place == mixed)
        labels[rows] = random.permutation(is_fake[rows])
    return labels


def real_halves(cluster: NDArray[np.str_], *, seed: int) -> Labels:
    """Call half of real clips (n,) fake: whole clusters in random order, each to the smaller half so far."""
    names, place = np.unique(cluster, return_inverse=True)
    sizes, halves = np.bincount(place), [0, 0]
    is_second = np.zeros(len(names), bool)
    for at in np.random.default_rng(seed).permutation(len(names)):
        is_second[at] = halves[1] < halves[0]
        halves[int(is_second[at])] += int(sizes[at])
    return is_second[place]


def control(
    kind: str,
    detector: str,
    scores: NDArray[np.float64],
    labels: Labels,
    cluster: NDArray[np.str_],
    *,
    draws: int,
    seed: int,
) -> Control:
    """The control's AUC on the clips that were answered (score not nan)."""
    answered = ~np.isnan(scores)
    sample = Sample(scores=scores[answered], is_fake=labels[answered], cluster=cluster[answered])
    auc = estimate({"auc": METRICS["auc"]}, sample, draws=draws, seed=seed)["auc"]
    return Control(kind=kind, detector=detector, auc=auc, text=_TEXT[kind])
