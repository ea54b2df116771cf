"""Whether one detector is better than another, and one generator harder to catch than another, on the same clips."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations

import numpy as np
import pandas as pd

from evaluate.detection.cells import Terms
from evaluate.detection.comparisons import Paired, compare_detectors, compare_generators, holm
from evaluate.detection.findings import ALL, Cell, Comparison, Number
from evaluate.detection.score_table import MATCHED


def comparisons(clean: pd.DataFrame, cells: Sequence[Cell], terms: Terms) -> tuple[Comparison, ...]:
    """Every two detectors over all generators, and every two generators as the best detector sees them."""
    aucs = _aucs(cells)
    detectors = sorted(aucs, key=lambda name: (-aucs[name], name))
    found = _adjusted([_two_detectors(clean, *pair, terms) for pair in combinations(detectors, 2)])
    if detectors:
        rows = clean[(clean.detector == detectors[0]) & clean.score.notna()]
        generators = sorted(rows.set[rows.is_fake].unique())
        found += _adjusted([_two_generators(rows, *pair, terms) for pair in combinations(generators, 2)])
    return tuple(found)


def _aucs(cells: Sequence[Cell]) -> dict[str, float]:
    return {
        cell.detector: value
        for cell in cells
        if cell.generator == ALL and cell.condition == MATCHED and not cell.subgroup and not cell.fitted_without
        if (number := cell.numbers.get("auc")) is not None and (value := number.value) is not None
    }


def _two_detectors(clean: pd.DataFrame, first: str, second: str, terms: Terms) -> Comparison:
    answered = clean[clean.score.notna()]
    sides = [answered[answered.detector == name].set_index(["set", "clip"]) for name in (first, second)]
    both = sides[0].index.intersection(sides[1].index)
    one, other = (side.loc[both] for side in sides)
    if one.is_fake.nunique() < 2:
        nothing = Number(value=None, absent="there are not both real and generated clips that both answered")
        return _comparison("detectors", first, second, Paired(difference=nothing, p=None))
    paired = compare_detectors(
        one.score.to_numpy(float),
        other.score.to_numpy(float),
        one.is_fake.to_numpy(bool),
        one.cluster.to_numpy(str),
        draws=terms.draws,
        seed=terms.seed,
    )
    return _comparison("detectors", first, second, paired)


def _two_generators(rows: pd.DataFrame, first: str, second: str, terms: Terms) -> Comparison:
    paired = compare_generators(
        rows.score.to_numpy(float),
        np.where(rows.is_fake, rows.set, "").astype(str),
        rows.cluster.to_numpy(str),
        first=first,
        second=second,
        draws=terms.draws,
        seed=terms.seed,
    )
    return _comparison("generators", first, second, paired)


def _comparison(kind: str, first: str, second: str, paired: Paired) -> Comparison:
    return Comparison(kind=kind, first=first, second=second, difference=paired.difference, p=paired.p, p_adjusted=None)


def _adjusted(found: Sequence[Comparison]) -> list[Comparison]:
    adjusted = holm([each.p for each in found])
    return [replace(each, p_adjusted=p) for each, p in zip(found, adjusted, strict=True)]
