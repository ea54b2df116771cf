"""Whether two detectors, or two generators, differ in AUC: paired by drawing the same clusters for both.

The interval is of expanded percentiles, and reaches further for kinds of people that no cluster shows, as `unseen` has
it: of a share that the clusters can all miss, one detector may be all right and the other all wrong. p is two-sided, of
the draws moved to no difference, and no smaller than that reach allows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from evaluate.detection.draws import METRICS, Sample, cluster_weights
from evaluate.detection.findings import Number
from evaluate.detection.sample import Array
from evaluate.detection.unseen import Clusters, loss_interval, missable_share, room_for_unseen
from evaluate.intervals import DRAWS, LEVEL, MIN_CLUSTERS

Numbers = NDArray[np.float64]
Names = NDArray[np.str_]
REAL = ""  # in place of a generator's name


@dataclass(frozen=True, kw_only=True)
class Paired:
    """AUC of the first less that of the second; `p` that they are equal, two-sided, None where there is no interval."""

    difference: Number
    p: float | None


def compare_detectors(
    first: Numbers,
    second: Numbers,
    is_fake: NDArray[np.bool_],
    cluster: Names,
    *,
    draws: int = DRAWS,
    seed: int = 0,
    level: float = LEVEL,
) -> Paired:
    """Compare two detectors by their scores (n,) of the same clips; a clip that one abstained on (nan) is left out."""
    both = np.isfinite(first) & np.isfinite(second)
    kind = np.where(is_fake, "generated", REAL)

    def aucs(weights: Array | None) -> Array:
        return np.stack([_auc(scores, is_fake, both, weights) for scores in (first, second)])

    return _paired(aucs, kind[both], cluster[both], ("generated",), draws=draws, seed=seed, level=level)


def compare_generators(
    scores: Numbers,
    generator: Names,
    cluster: Names,
    *,
    first: str,
    second: str,
    draws: int = DRAWS,
    seed: int = 0,
    level: float = LEVEL,
) -> Paired:
    """Compare how one detector tells two generators from the same real clips, whose `generator` is ""."""
    known = np.isfinite(scores) & np.isin(generator, [REAL, first, second])
    scores, generator, cluster = scores[known], generator[known], cluster[known]

    def aucs(weights: Array | None) -> Array:
        sides = [np.isin(generator, [REAL, name]) for name in (first, second)]
        parts = [None if weights is None else weights[..., side] for side in sides]
        return np.stack([_auc(scores, generator != REAL, *both) for both in zip(sides, parts, strict=True)])

    return _paired(aucs, generator, cluster, (first, second), draws=draws, seed=seed, level=level)


def holm(p: Sequence[float | None]) -> list[float | None]:
    """The p values after Holm's step-down correction for as many tests as have one (Holm 1979)."""
    order = sorted((value, place) for place, value in enumerate(p) if value is not None)
    adjusted: list[float | None] = [None] * len(p)
    least = 0.0
    for before, (value, place) in enumerate(order):
        least = max(least, min(1.0, value * (len(order) - before)))
        adjusted[place] = least
    return adjusted


def _auc(scores: Numbers, is_fake: NDArray[np.bool_], rows: NDArray[np.bool_], weights: Array | None) -> Array:
    nobody = np.empty(0, np.str_)
    sample = Sample(scores=scores[rows], is_fake=is_fake[rows], cluster=nobody, weights=weights)
    return np.asarray(METRICS["auc"](sample), np.float64)


def _paired(
    aucs: Callable[[Array | None], Array],
    kind: Names,
    cluster: Names,
    fakes: Sequence[str],
    *,
    draws: int,
    seed: int,
    level: float,
) -> Paired:
    held = {name: len(np.unique(cluster[kind == name])) for name in (REAL, *fakes)}
    name, fewest = min(held.items(), key=lambda item: item[1])
    word = {REAL: "real", "generated": "generated"}.get(name, name)
    if not fewest:
        return Paired(difference=Number(value=None, absent=f"there are no {word} clips with scores of both"), p=None)
    first, second = (float(value) for value in aucs(None))
    if fewest < MIN_CLUSTERS:
        why = f"no interval: {fewest} cluster{'s' * (fewest > 1)} of {word} clips, {MIN_CLUSTERS} are needed"
        return Paired(difference=Number(value=first - second, absent=why), p=None)
    n_real = int(np.sum(kind == REAL))
    few = min(held[name] for name in fakes)
    clusters = Clusters(real=held[REAL], fake=few, real_clips=n_real, fake_clips=len(kind) - n_real)
    drawn = np.hstack([aucs(weights) for weights in cluster_weights(cluster, kind, draws=draws, seed=seed)])
    room = min(room_for_unseen(value, clusters, upper=1.0) for value in (first, second))
    return _tested(first - second, drawn[0] - drawn[1], clusters, room=room, level=level)


def _tested(value: float, drawn: Array, clusters: Clusters, *, room: float, level: float) -> Paired:
    low, high = loss_interval(drawn, clusters, level=level)
    missed = room * missable_share(clusters.fewest, level)
    low, high = min(low, value - missed * (1 + value)), max(high, value + missed * (1 - value))
    p = max(_p_of_draws(value, drawn, clusters), _p_of_unseen(value, clusters, room))
    return Paired(difference=Number(value=value, low=low, high=high), p=p)


def _p_of_draws(value: float, drawn: Array, clusters: Clusters) -> float:
    """How often draws moved to no difference are as far from it as the value, widened as the percentiles are."""
    as_far = np.abs(drawn - value) >= abs(value) - 1e-12
    share = (1 + np.sum(as_far)) / (1 + len(drawn))
    n = clusters.fewest
    return float(2 * stats.t.sf(stats.norm.isf(share / 2) * np.sqrt((n - 1) / n), n - 1))


def _p_of_unseen(value: float, clusters: Clusters, room: float) -> float:
    """The 1 - level at which the interval's reach for unseen kinds touches 0: the sign test's for AUC 1 against 0."""
    needed = abs(value) / (1 + abs(value))
    return 0.0 if needed >= room else min(1.0, 2 * (1 - needed / room) ** clusters.fewest)
