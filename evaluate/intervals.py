"""Intervals for means over clips and for distances between sets of clips, by resampling clusters of clips."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

MIN_CLUSTERS = 3
DRAWS, LEVEL = 2000, 0.95
NUMBERS_A_PASS = 2_000_000  # draws times clusters that are held at once

Numbers = NDArray[np.float64]
Key = tuple[str, str]


@dataclass(frozen=True, kw_only=True)
class Interval:
    """From `low` to `high` with confidence `level` (0.95), and how it was made, in words."""

    low: float
    high: float
    level: float
    how: str


def bootstrap_mean(
    values: Mapping[str, float],
    *,
    clusters: Mapping[str, str],
    seed: int = 0,
    draws: int = DRAWS,
    level: float = LEVEL,
) -> Interval | None:
    """An interval for the mean over clips, when clips of one cluster (identity, source) are alike.

    `values`: clip name -> number; a clip not in `clusters` is its own. Whole clusters are drawn with replacement, and
    the percentiles taken are those of Hesterberg 2015 ("expanded": Student's t and n / (n - 1) at few clusters): plain
    and BCa percentiles are too narrow there. None under three clusters. The order of `values` changes nothing.
    """
    names = _clusters(values, clusters, "")
    if len(names) < MIN_CLUSTERS:
        return None
    sums = _sums(values, clusters, "", names)
    sizes = _sums(dict.fromkeys(values, 1.0), clusters, "", names)
    totals, counts = _resampled(np.stack([sums, sizes]), seed=seed, draws=draws)
    low, high = np.quantile(totals / counts, expanded(len(names), level))
    how = f"bootstrap over {len(names)} {_kind(names)}, expanded percentiles, {draws} draws, seed {seed}"
    return Interval(low=float(low), high=float(high), level=level, how=how)


def bootstrap_distance(
    value: float,
    slopes: Sequence[Mapping[str, float]],
    *,
    clusters: Mapping[str, str],
    seed: int = 0,
    draws: int = DRAWS,
    level: float = LEVEL,
) -> Interval | None:
    """An interval for a distance between sets of clips, about its mean at this number of clips (not at infinity).

    `slopes`: for each set that is a sample, clip name -> how fast the distance grows with the clip's weight. Drawing
    clusters anew changes their weights, and the distance in proportion to the slopes. Recomputing it for each draw
    instead is biased upwards (a draw repeats clips, so it has fewer different ones: 41 for a distance of 33 at twelve
    clips in 64-d), is 1.5 times as wide as the true spread there even about its own mean (this: 1.2), and costs as many
    distances as draws. A cluster in both sets is drawn in both at once. None where a set has under three clusters.
    """
    sides = [_clusters(side, clusters, f"set {place}") for place, side in enumerate(slopes)]
    if not sides or min(map(len, sides)) < MIN_CLUSTERS:
        return None
    names = sorted(set().union(*sides))
    change = sum(_sums(side, clusters, f"set {place}", names) for place, side in enumerate(slopes))
    drawn = _resampled(np.asarray(change)[None], seed=seed, draws=draws)[0] - np.sum(change)
    low, high = value + np.quantile(drawn, expanded(len(names), level))
    how = f"bootstrap over {len(names)} {_kind(names)}, linearised at the value, {draws} draws, seed {seed}"
    return Interval(low=float(low), high=float(high), level=level, how=how)


def _clusters(values: Mapping[str, float], clusters: Mapping[str, str], own: str) -> list[Key]:
    return sorted({_key(name, clusters, own) for name in values})


def _key(name: str, clusters: Mapping[str, str], own: str) -> Key:
    """Where a clip is drawn: with its cluster, or as itself within its own set."""
    return ("cluster", clusters[name]) if name in clusters else (f"clip {own}", name)


def _kind(names: Sequence[Key]) -> str:
    return "clusters of clips" if any(kind == "cluster" for kind, _ in names) else "clips"


def _sums(values: Mapping[str, float], clusters: Mapping[str, str], own: str, names: Sequence[Key]) -> Numbers:
    """Each cluster's sum, in the order of `names`, added up in the order of the clips' names."""
    place = {key: i for i, key in enumerate(names)}
    sums = np.zeros(len(names))
    for name in sorted(values):
        sums[place[_key(name, clusters, own)]] += values[name]
    return sums


def _resampled(columns: Numbers, *, seed: int, draws: int) -> Numbers:
    """Sums (k, draws) of k rows of (k, n) numbers over n columns drawn with replacement, the same for all rows."""
    random = np.random.default_rng(seed)
    n = columns.shape[1]
    at_once = max(1, NUMBERS_A_PASS // n)
    parts = [
        columns[:, random.integers(n, size=(min(at_once, draws - done), n))].sum(axis=2)
        for done in range(0, draws, at_once)
    ]
    return np.concatenate(parts, axis=1)


def expanded(n: int, level: float) -> Numbers:
    """The two quantiles to take of a bootstrap over n clusters (Hesterberg 2015, arXiv 1411.5279, section 5.3)."""
    reach = np.sqrt(n / (n - 1)) * stats.t.ppf((1 + level) / 2, n - 1)
    return np.array([stats.norm.cdf(-reach), stats.norm.cdf(reach)])
