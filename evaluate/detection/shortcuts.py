"""Whether something trivial tells generated clips from real ones: a detector may then have learned no more than that.

As leading silence alone does in FakeAVCeleb (arXiv 2412.00175).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from evaluate.detection.draws import METRICS, Sample, estimate
from evaluate.detection.findings import ALL, Number, Shortcut
from evaluate.detection.score_table import MATCHED, ORIGINAL
from evaluate.detection.trivial_features import CATEGORIES

KEYS = ("set", "clip", "is_fake", "cluster", "stage")
FAR = 0.7  # an AUC from here on is a warning where its interval stays away from 0.5
SUSPECT = 0.8  # and from here on in any case, as long as there are people enough for an interval: few can't clear it

Values = NDArray[np.float64]


def probe(table: pd.DataFrame, *, draws: int = 1000, seed: int = 0) -> tuple[Shortcut, ...]:
    """One-feature AUCs, by stage, generator (and all together) and feature, in the order of the table's columns.

    `table`: KEYS and a column a feature, numbers (nan: can't be measured, left out) or words, of which
    the one that tells most counts. An AUC under 0.5 is given as what it is the other way round.
    """
    features = [name for name in table.columns if name not in KEYS]
    return tuple(
        _shortcut(rows, feature, generator, stage, draws=draws, seed=seed)
        for stage in (ORIGINAL, MATCHED)
        for generator, rows in _by_generator(table[table.stage == stage])
        for feature in features
    )


def _by_generator(rows: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    generators = sorted(rows.set[rows.is_fake].unique().tolist())
    if len(rows):
        yield ALL, rows
    for generator in generators if len(generators) > 1 else ():
        yield generator, rows[~rows.is_fake | (rows.set == generator)]


def _shortcut(rows: pd.DataFrame, feature: str, generator: str, stage: str, *, draws: int, seed: int) -> Shortcut:
    values = _telling_word(rows, feature) if feature in CATEGORIES else rows[feature].to_numpy(float)
    known = np.isfinite(values)
    auc = _auc(values[known], rows[known], draws=draws, seed=seed)
    falls = auc.value is not None and auc.value < 0.5
    auc = _turned(auc) if falls else auc
    return Shortcut(
        feature=feature, generator=generator, stage=stage, auc=auc, higher_is_fake=not falls, warns=_warns(auc)
    )


def _auc(values: Values, rows: pd.DataFrame, *, draws: int, seed: int) -> Number:
    is_fake = rows.is_fake.to_numpy(bool)
    if len(np.unique(is_fake)) < 2:
        return Number(value=None, absent="one side has no such number")
    ranks = stats.rankdata(values) / (len(values) + 1)
    sample = Sample(scores=ranks, is_fake=is_fake, cluster=rows.cluster.to_numpy(str))
    return estimate({"auc": METRICS["auc"]}, sample, draws=draws, seed=seed)["auc"]


def _telling_word(rows: pd.DataFrame, feature: str) -> Values:
    """1 for clips with the word whose share differs most between fakes and real clips, 0 for the others.

    Words are not given the share of fakes among other clips that have them: leaving a clip out makes its own class
    rarer among the others, so that a word which all clips share would tell them apart perfectly.
    """
    words, is_fake = rows[feature].to_numpy(str), rows["is_fake"].to_numpy(bool)
    if not is_fake.any() or is_fake.all():
        return np.zeros(len(rows))
    has = words[:, None] == np.unique(words)
    most = np.argmax(np.abs(has[is_fake].mean(axis=0) - has[~is_fake].mean(axis=0)))
    return np.asarray(has[:, most], np.float64)


def _turned(auc: Number) -> Number:
    ends = [None if end is None else 1 - end for end in (auc.high, auc.low)]
    return Number(value=None if auc.value is None else 1 - auc.value, low=ends[0], high=ends[1], absent=auc.absent)


def _warns(auc: Number) -> bool:
    if auc.value is None or auc.low is None:
        return False
    return auc.value >= SUSPECT or (auc.value >= FAR and auc.low > 0.5)
