"""Points to draw for every detector and generator under MATCHED: ROC, reliability, and cost against prevalence."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from evaluate.detection.calibration import reliability
from evaluate.detection.cells import Terms, by_generator, sample_of
from evaluate.detection.costs import expected_cost
from evaluate.detection.counts import counts
from evaluate.detection.draws import Sample
from evaluate.detection.findings import Curves
from evaluate.detection.operating_points import roc

MOST_POINTS = 240  # of an ROC: more can't be seen, and 15,000 clips would weigh down the page
PREVALENCES = tuple(float(f"{value:.4g}") for value in np.geomspace(1e-4, 0.5, 38))

Points = NDArray[np.floating]


def curves(clean: pd.DataFrame, terms: Terms) -> Iterator[Curves]:
    """Yield the curves of every detector that answered for clips of both classes."""
    for detector, rows in clean.groupby("detector", sort=False):
        for generator, part in by_generator(rows):
            sample = sample_of(part)
            if len(set(sample.is_fake.tolist())) == 2:
                yield _curves(str(detector), generator, sample, terms)


def _curves(detector: str, generator: str, sample: Sample, terms: Terms) -> Curves:
    fpr, tpr = roc(counts(sample.scores, sample.is_fake, None))
    kept = thinned(fpr, tpr)
    return Curves(
        detector=detector,
        generator=generator,
        fpr=tuple(fpr[kept].tolist()),
        tpr=tuple(tpr[kept].tolist()),
        reliability=tuple(
            (float(row[0]), float(row[1]), int(row[2])) for row in reliability(sample.scores, sample.is_fake)
        ),
        cost=tuple(_costs(fpr, tpr, sample, terms)),
    )


def _costs(fpr: Points, tpr: Points, sample: Sample, terms: Terms) -> Iterator[tuple[float, float, float, float]]:
    """Rows of (prevalence, at the frozen threshold, at the best one in hindsight, of not looking at all); none without
    frozen thresholds."""
    if sample.called_fake is None:
        return
    missed = 1 - float(sample.called_fake[sample.is_fake].mean())
    alarms = float(sample.called_fake[~sample.is_fake].mean())
    for prevalence in PREVALENCES:
        both = (prevalence, terms.cost_miss, terms.cost_false_alarm)
        every = expected_cost(1 - tpr, fpr, *both)
        blind = min(prevalence * terms.cost_miss, (1 - prevalence) * terms.cost_false_alarm)
        yield prevalence, float(expected_cost(missed, alarms, *both)), float(np.min(every)), blind


def thinned(fpr: Points, tpr: Points) -> NDArray[np.intp]:
    """The places of at most MOST_POINTS corners of a step curve, half of them even in FPR and half in its logarithm."""
    corners = np.flatnonzero(_turns(fpr, tpr))
    if len(corners) <= MOST_POINTS:
        return corners
    half = MOST_POINTS // 2 - 1
    smallest = fpr[fpr > 0].min(initial=1.0)
    wanted = np.concatenate([np.linspace(0, 1, half), np.geomspace(smallest, 1, half)])
    places = corners[np.searchsorted(fpr[corners], wanted).clip(max=len(corners) - 1)]
    return np.unique(np.concatenate([corners[[0, -1]], places]))


def _turns(fpr: Points, tpr: Points) -> NDArray[np.bool_]:
    """Which points are no mere stops on a straight way up or across."""
    ways = np.sign(np.diff(fpr)) + 2 * np.sign(np.diff(tpr))
    straight = np.isin(ways[1:], (1, 2)) & (ways[1:] == ways[:-1])
    return np.concatenate([[True], ~straight, [True]])
