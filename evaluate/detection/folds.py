"""Which clips a fitted detector and a threshold never see: folds of whole clusters, and thresholds from other folds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from hashlib import sha256

import numpy as np
from numpy.typing import NDArray

from evaluate.detection.costs import best_threshold, threshold_at_fpr

Numbers = NDArray[np.float64]
Names = Sequence[str] | NDArray[np.str_]


def assign_folds(
    cluster: Names, is_fake: NDArray[np.bool_], set: Names, *, folds: int, seed: int = 0
) -> NDArray[np.int64]:
    """The fold (n,) of each clip, from 0: whole clusters, spread so that folds have like shares of sets and classes.

    Never more folds than clusters of the rarer class, so that leaving one out leaves both classes wherever clusters
    allow; a single fold means that they don't. `seed` only decides between clusters of one size. The order of the
    clips changes nothing.
    """
    names, place = np.unique(np.asarray(cluster), return_inverse=True)
    shares = _shares(place, is_fake, np.asarray(set))
    loads = np.zeros((_possible_folds(place, is_fake, folds), shares.shape[1]))
    fold_of = np.zeros(len(names), np.int64)
    for at in sorted(range(len(names)), key=lambda i: (-shares[i].max(), _shuffled(str(names[i]), seed))):
        # what the sum of squared loads grows by; rounded, so that no addition order decides
        growth = np.round(loads @ shares[at], 9)
        fold_of[at] = min(range(len(loads)), key=lambda fold: (growth[fold], loads[fold].sum().round(9), fold))
        loads[fold_of[at]] += shares[at]
    return fold_of[place]


def frozen_thresholds(scores: Numbers, is_fake: NDArray[np.bool_], fold: NDArray[np.integer]) -> Numbers:
    """The threshold (n,) that each clip is held against: the best by balanced accuracy on the clips of other folds.

    A clip with `score >= threshold` is called fake. nan where the other folds lack a class: none can be chosen there.
    """
    return _from_other_folds(scores, is_fake, fold, best_threshold)


def frozen_thresholds_at_fpr(
    scores: Numbers, is_fake: NDArray[np.bool_], fold: NDArray[np.integer], fpr: float
) -> Numbers:
    """As `frozen_thresholds`, each chosen so that at most `fpr` of the other folds' real clips are called fake."""
    return _from_other_folds(scores, is_fake, fold, partial(_at_fpr, fpr=fpr))


def _at_fpr(scores: Numbers, is_fake: NDArray[np.bool_], *, fpr: float) -> float:
    return threshold_at_fpr(scores[~is_fake], fpr)


def _from_other_folds(
    scores: Numbers,
    is_fake: NDArray[np.bool_],
    fold: NDArray[np.integer],
    choose: Callable[[Numbers, NDArray[np.bool_]], float],
) -> Numbers:
    thresholds = np.full(len(scores), np.nan)
    for left_out in np.unique(fold):
        others = fold != left_out
        if len(np.unique(is_fake[others])) == 2:
            thresholds[~others] = choose(scores[others], is_fake[others])
    return thresholds


def _shares(place: NDArray[np.integer], is_fake: NDArray[np.bool_], sets: NDArray[np.str_]) -> Numbers:
    """What share (clusters, strata) of each set's real or fake clips, and of each class, every cluster has."""
    strata = [(sets == name) & (is_fake == fake) for fake in (False, True) for name in np.unique(sets)]
    columns = [
        np.bincount(place, weights=stratum) / stratum.sum() for stratum in (*strata, is_fake, ~is_fake) if stratum.any()
    ]
    return np.stack(columns, axis=1)


def _possible_folds(place: NDArray[np.integer], is_fake: NDArray[np.bool_], folds: int) -> int:
    clusters = [len(np.unique(place[is_fake == fake])) for fake in (False, True)]
    return max(1, min(folds, *clusters))


def _shuffled(name: str, seed: int) -> tuple[str, str]:
    """A place in an order that no name has by itself, the same in every process."""
    return sha256(f"{seed} {name}".encode()).hexdigest(), name
