"""Every number of detection with its interval, by drawing clusters of clips (identities, sources) anew.

Intervals hold for other people and sources like these, with the detectors and thresholds as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from evaluate.detection.calibration import brier, expected_calibration_error, log_loss
from evaluate.detection.costs import weighted_precision
from evaluate.detection.findings import Number
from evaluate.detection.operating_points import (
    auc,
    average_precision,
    equal_error_rate,
    partial_auc,
    smallest_resolvable_fpr,
    tpr_at_fpr,
)
from evaluate.detection.sample import Array, Sample
from evaluate.detection.unseen import Clusters, clusters_read, loss_interval, reach, share_interval, with_unseen
from evaluate.intervals import DRAWS, LEVEL, MIN_CLUSTERS

__all__ = ["METRICS", "Metric", "Sample", "cluster_weights", "estimate"]

WEIGHTS_A_CHUNK = 250_000  # draws times clips that are held at once: what stays in cache is three times as fast
MOST_UNDEFINED = 0.05  # share of draws in which a number may be undefined for its interval to be given

Metric = Callable[[Sample], Array]


def _tpr_at(fpr: float) -> Metric:
    return lambda sample: tpr_at_fpr(sample.counts, fpr)


METRICS: Mapping[str, Metric] = {
    "auc": lambda sample: auc(sample.counts),
    "average_precision": lambda sample: average_precision(sample.counts),
    "equal_error_rate": lambda sample: equal_error_rate(sample.counts),
    "tpr_at_fpr_0.1": _tpr_at(0.1),
    "tpr_at_fpr_0.01": _tpr_at(0.01),
    "tpr_at_fpr_0.001": _tpr_at(0.001),
    "tpr_at_fpr_0.0001": _tpr_at(0.0001),
    "partial_auc_0.1": lambda sample: partial_auc(sample.counts, 0.1),
    "log_loss": lambda sample: log_loss(sample.scores, sample.is_fake, sample.weights),
    "brier": lambda sample: brier(sample.scores, sample.is_fake, sample.weights),
    "expected_calibration_error": lambda s: expected_calibration_error(s.scores, s.is_fake, s.weights),
    "balanced_accuracy": lambda s: (s.share_called_fake(of_fakes=True) + 1 - s.share_called_fake(of_fakes=False)) / 2,
    "weighted_precision": lambda sample: _weighted_precision(sample),
    "tpr_at_threshold": lambda sample: sample.share_called_fake(of_fakes=True),
    "fpr_at_threshold": lambda sample: sample.share_called_fake(of_fakes=False),
}
# the false-alarm rate that real clips must be able to resolve for the number to mean anything
RESOLVES: Mapping[str, float] = {
    "tpr_at_fpr_0.1": 0.1,
    "tpr_at_fpr_0.01": 0.01,
    "tpr_at_fpr_0.001": 0.001,
    "tpr_at_fpr_0.0001": 0.0001,
    "partial_auc_0.1": 0.1,
}
# means of losses, from 0 up; every other metric is a share of clips or of pairs, from 0 to 1
LOSSES = ("log_loss", "brier", "expected_calibration_error", "expected_cost")


def estimate(
    functions: Mapping[str, Metric], sample: Sample, *, draws: int = DRAWS, seed: int = 0, level: float = LEVEL
) -> dict[str, Number]:
    """Each function's value on the sample, with an interval from its values on draws of clusters.

    Numbers in RESOLVES that the real clips can't resolve have no value. An interval needs MIN_CLUSTERS clusters of
    every class that the function looks at; `absent` says why there is none. Functions named in LOSSES are means of
    losses, all others shares in [0, 1]. What the intervals are is said in `unseen`. The order of clips changes nothing.
    """
    if not len(sample.scores):
        return dict.fromkeys(functions, Number(value=None, absent="there are no clips"))
    clusters = _clusters(sample)
    absent = {name: why for name in functions if (why := _unresolved(name, sample))}
    values = {name: float(function(sample)) for name, function in functions.items() if name not in absent}
    absent |= {name: _undefined(sample) for name, value in values.items() if not np.isfinite(value)}
    beyond = with_unseen(sample, clusters, level=level)
    unseen = {name: np.asarray(functions[name](beyond)) for name in functions if name not in absent}
    read = {name: clusters_read(values[name], unseen[name], clusters) for name in unseen}
    drawable = {name: functions[name] for name in unseen if read[name].fewest >= MIN_CLUSTERS}
    drawn = _drawn(drawable, sample, draws=draws, seed=seed)
    found = {name: Number(value=None, absent=why) for name, why in absent.items()}
    for name in unseen:
        found[name] = (
            _with_interval(name, values[name], drawn[name], unseen[name], read[name], level=level)
            if name in drawn
            else Number(value=values[name], absent=_too_few(read[name]))
        )
    return {name: found[name] for name in functions}


def cluster_weights(
    cluster: NDArray[np.str_], kind: NDArray[np.generic], *, draws: int, seed: int
) -> Iterator[NDArray[np.float32]]:
    """Yield how often each clip counts (chunk, n) in `draws` draws of whole clusters with replacement.

    `kind` (n,): what a clip is (real or fake, or of which generator). Clusters with clips of the same kinds are drawn
    among themselves: how many clips of each kind there are was decided, not found, and no draw may lack one; and a
    person who is both real and fake is drawn as one, because both scores hang on that person. Where fewer than
    MIN_CLUSTERS clusters are of some mixture, which drawn alone would hardly vary, all clusters are drawn together, and
    draws that lack a kind again.
    """
    names, place = np.unique(cluster, return_inverse=True)
    holds = np.zeros((len(names), len(np.unique(kind))), bool)
    holds[place, np.unique(kind, return_inverse=True)[1]] = True
    strata = _strata(holds)
    random = np.random.default_rng(seed)
    at_once = max(1, WEIGHTS_A_CHUNK // len(cluster))
    for done in range(0, draws, at_once):
        often = _often(strata, holds, random, min(at_once, draws - done))
        yield often[:, place]


def _strata(holds: NDArray[np.bool_]) -> list[NDArray[np.int64]]:
    _, mixture = np.unique(holds, axis=0, return_inverse=True)
    strata = [np.flatnonzero(mixture == each) for each in range(mixture.max() + 1)]
    return strata if min(map(len, strata)) >= MIN_CLUSTERS else [np.arange(len(holds))]


def _often(
    strata: list[NDArray[np.int64]], holds: NDArray[np.bool_], random: np.random.Generator, draws: int
) -> NDArray[np.float32]:
    """How often each cluster (draws, clusters) is drawn; every kind of clip is in every draw."""
    often = np.empty((draws, len(holds)), np.float32)
    todo = np.arange(draws)
    while len(todo):
        for stratum in strata:
            often[np.ix_(todo, stratum)] = _multiplicities(len(stratum), random, len(todo))
        lacking = np.any(often[todo] @ holds.astype(np.float32) == 0, axis=1)
        todo = todo[lacking]
    return often


def _multiplicities(n: int, random: np.random.Generator, draws: int) -> NDArray[np.int64]:
    picked = random.integers(n, size=(draws, n)) + n * np.arange(draws)[:, None]
    return np.bincount(picked.ravel(), minlength=draws * n).reshape(draws, n)


def _drawn(functions: Mapping[str, Metric], sample: Sample, *, draws: int, seed: int) -> dict[str, Array]:
    """Each function's values (draws,); none is drawn for no function."""
    if not functions:
        return {}
    parts: dict[str, list[Array]] = {name: [] for name in functions}
    for weights in cluster_weights(sample.cluster, sample.is_fake, draws=draws, seed=seed):
        drawn = replace(sample, weights=weights)
        for name, function in functions.items():
            parts[name].append(np.asarray(function(drawn), np.float64))
    return {name: np.concatenate(chunks) for name, chunks in parts.items()}


def _with_interval(name: str, value: float, drawn: Array, unseen: Array, clusters: Clusters, *, level: float) -> Number:
    defined = drawn[np.isfinite(drawn)]
    if len(defined) < (1 - MOST_UNDEFINED) * len(drawn):
        share = 1 - len(defined) / len(drawn)
        return Number(value=value, absent=f"no interval: {100 * share:.0f} % of draws of clusters leave it undefined")
    if name in LOSSES:
        low, high = loss_interval(defined, clusters, level=level)
        least, most = reach(value, unseen, clusters, upper=None)
    else:
        low, high = share_interval(value, defined, clusters, level=level)
        least, most = reach(value, unseen, clusters, upper=1.0)
    return Number(value=value, low=min(low, least), high=max(high, most))


def _clusters(sample: Sample) -> Clusters:
    real, fake = (len(np.unique(sample.cluster[sample.is_fake == kind])) for kind in (False, True))
    n_fake = int(np.sum(sample.is_fake))
    return Clusters(real=real, fake=fake, real_clips=len(sample.scores) - n_fake, fake_clips=n_fake)


def _unresolved(name: str, sample: Sample) -> str:
    if name not in RESOLVES:
        return ""
    if len(np.unique(sample.is_fake)) < 2:
        return _undefined(sample)
    fpr, n_real = RESOLVES[name], int(np.sum(~sample.is_fake))
    least, needed = smallest_resolvable_fpr(n_real), round(smallest_resolvable_fpr(1) / fpr)
    if n_real >= needed:
        return ""
    under = f"under {least:.3g}" if least < 1 else "at all"
    return f"not resolvable: {n_real} real clips resolve no FPR {under}; {needed} are needed"


def _undefined(sample: Sample) -> str:
    for kind, word in ((False, "real"), (True, "generated")):
        if not np.any(sample.is_fake == kind):
            return f"there are no {word} clips"
    if sample.called_fake is None:
        return "no threshold: it can't be chosen on other folds that lack a class"
    return "it is undefined for these clips"


def _too_few(clusters: Clusters) -> str:
    word, n = min([("real", clusters.real), ("generated", clusters.fake)], key=lambda item: item[1] or np.inf)
    return f"no interval: {n} cluster{'s' * (n > 1)} of {word} clips, {MIN_CLUSTERS} are needed"


def _weighted_precision(sample: Sample) -> Array:
    if sample.called_fake is None:
        return sample.share_called_fake(of_fakes=True)
    return np.asarray(weighted_precision(sample.called_fake, sample.is_fake, sample.weights))
