"""The cells of the findings: every detector's numbers, by generator, condition and subgroup, from the decided table."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from evaluate.detection.costs import expected_cost
from evaluate.detection.draws import METRICS, Sample, estimate
from evaluate.detection.findings import ALL, Cell, Number
from evaluate.detection.operating_points import average_precision
from evaluate.detection.score_table import MATCHED, ORIGINAL
from evaluate.intervals import LEVEL

Metric = Callable[[Sample], NDArray[np.floating]]

RANKS = ("auc",)
AT_THRESHOLD = ("tpr_at_threshold", "fpr_at_threshold")
UNSEEN = ("auc", "average_precision", "equal_error_rate", "tpr_at_fpr_0.1")
DRAWS_PERTURBED, DRAWS_GENERATOR = 1000, 300  # at most, where cells are thousands
BEYOND = {True: 2.0, False: -1.0}  # scores that no detector can give: above and below all others


@dataclass(frozen=True, kw_only=True)
class Terms:
    """What numbers depend on beside the scores: share of fakes met, costs, how intervals are drawn, and how many
    detectors there are to pick the best of."""

    prevalence: float
    cost_miss: float
    cost_false_alarm: float
    draws: int
    seed: int
    picked_from: int = 1


def cells(table: pd.DataFrame, terms: Terms) -> Iterator[Cell]:
    """Yield the cells of a decided table: clean, as they came, perturbed, and of generators that were not seen."""
    for (detector, without), rows in table.groupby(["detector", "fitted_without"], sort=False):
        if without:
            yield _unseen(str(detector), str(without), rows, terms)
            continue
        for (condition, severity), same in rows.groupby(["condition", "severity"], sort=False):
            for generator, part in by_generator(same):
                cell = _outline(str(detector), generator, part, condition=str(condition), severity=str(severity))
                yield replace(cell, numbers=_numbers(part, cell, terms))


def by_generator(rows: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """Yield all rows under ALL, then, where there are several generators, the real ones with those of each."""
    yield ALL, rows
    generators = rows.set[rows.is_fake].unique().tolist()
    for generator in generators if len(generators) > 1 else ():
        yield str(generator), rows[~rows.is_fake | (rows.set == generator)]


def sample_of(rows: pd.DataFrame) -> Sample:
    """The rows that have a score, as metrics take them."""
    answered = rows[rows.score.notna()]
    has_thresholds = bool(answered.threshold.notna().all())
    return Sample(
        scores=answered.score.to_numpy(float),
        is_fake=answered.is_fake.to_numpy(bool),
        cluster=answered.cluster.to_numpy(str),
        called_fake=answered.called_fake.to_numpy(bool) if has_thresholds else None,
    )


def numbers_of(
    rows: pd.DataFrame, metrics: Mapping[str, Metric], terms: Terms, *, level: float = LEVEL
) -> dict[str, Number]:
    """Estimate the metrics on the rows that have a score."""
    sample = sample_of(rows)
    if not len(sample.scores):
        return dict.fromkeys(metrics, Number(value=None, absent="the detector answered for no clip"))
    return estimate(metrics, sample, draws=terms.draws, seed=terms.seed, level=level)


def outline(detector: str, rows: pd.DataFrame, *, subgroup: str) -> Cell:
    """A clean cell of ALL with its counts, still without numbers."""
    return replace(_outline(detector, ALL, rows, condition=MATCHED, severity=""), subgroup=subgroup)


def _unseen(detector: str, without: str, rows: pd.DataFrame, terms: Terms) -> Cell:
    """How a fitted detector does on the generator that its model never saw."""
    part = rows[(rows.condition == MATCHED) & (~rows.is_fake | (rows.set == without))]
    cell = _outline(detector, without, part, condition=MATCHED, severity="")
    metrics = {name: METRICS[name] for name in UNSEEN}
    return replace(cell, fitted_without=without, numbers=numbers_of(part, metrics, terms))


def _outline(detector: str, generator: str, rows: pd.DataFrame, *, condition: str, severity: str) -> Cell:
    """A cell's counts, still without numbers."""
    real, fake = rows[~rows.is_fake], rows[rows.is_fake]
    reasons = rows.abstained[rows.score.isna()].str.split(":").str[0]
    return Cell(
        detector=detector,
        generator=generator,
        condition=condition,
        severity=severity,
        severity_rank=int(rows.severity_rank.iloc[0]) if len(rows) else 0,
        fitted_without="",
        subgroup="",
        n_real=len(real),
        n_fake=len(fake),
        clusters_real=real.cluster.nunique(),
        clusters_fake=fake.cluster.nunique(),
        abstained_real=int(real.score.isna().sum()),
        abstained_fake=int(fake.score.isna().sum()),
        abstentions={str(reason): int(count) for reason, count in reasons.value_counts().sort_index().items()},
    )


def _numbers(rows: pd.DataFrame, cell: Cell, terms: Terms) -> dict[str, Number]:
    if cell.condition == ORIGINAL:
        return numbers_of(rows, {name: METRICS[name] for name in RANKS}, terms)
    if cell.condition == MATCHED:
        found = numbers_of(rows, {**METRICS, **_at_prevalence(terms)}, terms)
        return found | _picked(rows, found["auc"], terms) | _abstentions_counted(rows, found["auc"], terms)
    fewer = replace(terms, draws=min(terms.draws, DRAWS_PERTURBED if cell.generator == ALL else DRAWS_GENERATOR))
    return numbers_of(rows, {name: METRICS[name] for name in RANKS + AT_THRESHOLD}, fewer) | _deltas(rows)


def _at_prevalence(terms: Terms) -> dict[str, Metric]:
    """What depends on how many of the videos met are synthetic, and on what mistakes cost."""

    def cost(sample: Sample) -> NDArray[np.floating]:
        missed = 1 - METRICS["tpr_at_threshold"](sample)
        alarms = METRICS["fpr_at_threshold"](sample)
        return expected_cost(missed, alarms, terms.prevalence, terms.cost_miss, terms.cost_false_alarm)

    return {
        "average_precision_at_prevalence": lambda sample: average_precision(sample.counts, terms.prevalence),
        "expected_cost": cost,
    }


def _picked(rows: pd.DataFrame, auc: Number, terms: Terms) -> dict[str, Number]:
    """AUC with the wider interval (Bonferroni) that the best of all detectors needs, picked on these very clips."""
    if terms.picked_from == 1:
        return {"auc_if_picked": auc}
    metric = {"auc_if_picked": METRICS["auc"]}
    return numbers_of(rows, metric, terms, level=1 - (1 - LEVEL) / terms.picked_from)


def _abstentions_counted(rows: pd.DataFrame, auc: Number, terms: Terms) -> dict[str, Number]:
    """AUC if every abstention had been right, and if every one had been wrong."""
    cases = {"auc_best_case": rows.is_fake, "auc_worst_case": ~rows.is_fake}
    if rows.score.notna().all():
        return dict.fromkeys(cases, auc)
    found = {}
    for name, answer in cases.items():
        filled = rows.assign(score=rows.score.fillna(answer.map(BEYOND)))
        found[name] = numbers_of(filled, {"auc": METRICS["auc"]}, terms)["auc"]
    return found


def _deltas(rows: pd.DataFrame) -> dict[str, Number]:
    """How far the mean score of each class moved, over clips that were answered both times."""
    change = rows.score - rows.clean_score
    classes = {"score_delta_real": False, "score_delta_fake": True}
    return {name: _mean(change[rows.is_fake == fake]) for name, fake in classes.items()}


def _mean(values: pd.Series) -> Number:
    known = values.dropna()
    if known.empty:
        return Number(value=None, absent="no clip was answered both times")
    return Number(value=float(known.mean()))
