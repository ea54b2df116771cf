"""What makes a clip detectable: how scores go with the quality numbers that `evaluate` gave the same clips."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePath

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from evaluate.detection.cells import Terms
from evaluate.detection.draws import cluster_weights
from evaluate.detection.findings import ALL, Number, QualityLink
from evaluate.intervals import LEVEL, MIN_CLUSTERS, expanded

LEAST = 5  # clips, below which a rank correlation says nothing
NOT_METRICS = {"system", "name", "n_frames", "failures"}

Values = NDArray[np.float64]


def quality_links(clean: pd.DataFrame, quality: pd.DataFrame, terms: Terms) -> tuple[QualityLink, ...]:
    """A link for every detector, generator and number of `quality` (evaluate's clips.parquet), over generated clips.

    ALL takes each generator's clips by their rank among their own, so that a generator which is both blurred and easy
    to catch makes no link by itself.
    """
    fakes = joined(clean[clean.is_fake], quality)
    metrics = [name for name in quality.columns if name not in NOT_METRICS and _is_number(quality[name])]
    return tuple(
        link
        for detector, rows in fakes.groupby("detector", sort=False)
        for metric in metrics
        for link in _links(str(detector), metric, rows, terms)
    )


def _links(detector: str, metric: str, rows: pd.DataFrame, terms: Terms) -> Iterator[QualityLink]:
    known = rows[rows.score.notna() & rows[metric].notna()]
    generators = sorted(known.set.unique())
    ranked = known.assign(
        score=known.groupby("set").score.rank(pct=True), value=known.groupby("set")[metric].rank(pct=True)
    )
    for generator in (ALL, *generators) if len(generators) > 1 else generators:
        part = ranked if generator == ALL else ranked[ranked.set == generator]
        if len(part) >= LEAST:
            yield QualityLink(detector=detector, metric=metric, generator=generator, rho=_rho(part, terms), n=len(part))


def _rho(part: pd.DataFrame, terms: Terms) -> Number:
    scores, values = part.score.to_numpy(float), part.value.to_numpy(float)
    if len(set(scores)) == 1 or len(set(values)) == 1:
        return Number(value=None, absent="all clips have the same number")
    rho = float(spearman(scores, values, np.ones(len(part))))
    cluster = part.cluster.to_numpy(str)
    n = len(np.unique(cluster))
    if n < MIN_CLUSTERS:
        return Number(value=rho, absent=f"no interval: {n} clusters of clips, {MIN_CLUSTERS} are needed")
    weights = cluster_weights(cluster, np.ones(len(part), bool), draws=terms.draws, seed=terms.seed)
    drawn = np.concatenate([spearman(scores, values, chunk.astype(float)) for chunk in weights])
    low, high = np.nanquantile(drawn, expanded(n, LEVEL))
    return Number(value=rho, low=float(low), high=float(high))


def joined(fakes: pd.DataFrame, quality: pd.DataFrame) -> pd.DataFrame:
    """Generated clips with their quality numbers, matched by set and file name, else by its stem."""
    by_name = quality.assign(set=quality.system, clip=quality.name.map(_file)).drop_duplicates(["set", "clip"])
    by_stem = by_name.assign(clip=by_name["clip"].map(_stem)).drop_duplicates(["set", "clip"], keep=False)
    numbers = [name for name in quality.columns if name not in NOT_METRICS]
    keys = fakes["clip"].map(_file)
    exact = _looked_up(by_name, fakes.set, keys, numbers)
    loose = _looked_up(by_stem, fakes.set, keys.map(_stem), numbers)
    return pd.concat([fakes, exact.where(exact.notna(), loose)], axis=1)


def spearman(x: Values, y: Values, weights: Values) -> Values:
    """Rank correlation of x and y (n,) under weights (..., n), of which ties share the middle rank; nan if constant."""
    first, second = _ranks(x, weights), _ranks(y, weights)
    total = weights.sum(axis=-1, keepdims=True)
    first = first - (weights * first).sum(axis=-1, keepdims=True) / total
    second = second - (weights * second).sum(axis=-1, keepdims=True) / total
    scale = np.sqrt((weights * first**2).sum(axis=-1) * (weights * second**2).sum(axis=-1))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.where(scale > 1e-12, (weights * first * second).sum(axis=-1) / scale, np.nan))


def _ranks(values: Values, weights: Values) -> Values:
    """The middle of the places (..., n) that each value's tied group takes when clips count by their weights."""
    _, group = np.unique(values, return_inverse=True)
    order = np.argsort(group, kind="stable")
    starts = np.flatnonzero(np.diff(group[order], prepend=-1))
    sizes = np.add.reduceat(weights[..., order], starts, axis=-1)
    middles = np.cumsum(sizes, axis=-1) - sizes / 2
    return np.asarray(middles[..., group])


def _looked_up(table: pd.DataFrame, sets: pd.Series, clips: pd.Series, numbers: list[str]) -> pd.DataFrame:
    found = table.set_index(["set", "clip"])[numbers].reindex(pd.MultiIndex.from_arrays([sets, clips]))
    return found.set_axis(sets.index)


def _is_number(column: pd.Series) -> bool:
    return pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column)


def _file(name: object) -> str:
    return PurePath(str(name)).name


def _stem(name: object) -> str:
    return PurePath(str(name)).stem
