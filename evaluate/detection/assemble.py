"""From the table of scores to the findings: every number that the reports hold, with what must be doubted about it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from evaluate.detection.attacks import attacks
from evaluate.detection.cells import Terms, cells
from evaluate.detection.curves import curves
from evaluate.detection.decisions import decided
from evaluate.detection.doubts import doubts
from evaluate.detection.findings import Control, Findings, Shortcut
from evaluate.detection.hard_clips import hard_clips
from evaluate.detection.pairs import comparisons
from evaluate.detection.quality import quality_links
from evaluate.detection.score_table import MATCHED
from evaluate.detection.subgroups import subgroup_cells
from evaluate.detection.terms import DEFINITIONS


def find(
    table: pd.DataFrame,
    *,
    shortcuts: Sequence[Shortcut] = (),
    controls: Sequence[Control] = (),
    quality: pd.DataFrame | None = None,
    facts: Mapping[str, object] = {},
    prevalence: float = 0.01,
    cost_miss: float = 1.0,
    cost_false_alarm: float = 1.0,
    draws: int = 2000,
    seed: int = 0,
) -> Findings:
    """Compute everything that the table supports; its order changes nothing.

    `table`: score_table.COLUMNS, every other column one of subgroups. `quality`: evaluate's clips.parquet, joined by
    set and clip. `prevalence`: the share of synthetic videos where the detector is to be used. `facts` go into the
    settings as they are.
    """
    terms = Terms(
        prevalence=prevalence,
        cost_miss=cost_miss,
        cost_false_alarm=cost_false_alarm,
        draws=draws,
        seed=seed,
        picked_from=max(1, table.detector.nunique()),
    )
    rows = decided(_ordered(table))
    clean = rows[(rows.condition == MATCHED) & (rows.fitted_without == "")]
    found = (*cells(rows, terms), *subgroup_cells(clean, terms))
    return Findings(
        settings=dict(facts) | vars(terms) | {"definitions": DEFINITIONS},
        cells=found,
        curves=tuple(curves(clean, terms)),
        comparisons=comparisons(clean, found, terms),
        attacks=tuple(attacks(clean, terms)),
        controls=tuple(controls),
        shortcuts=tuple(shortcuts),
        quality=() if quality is None else quality_links(clean, quality, terms),
        hard=hard_clips(clean),
        warnings=doubts(found, shortcuts=shortcuts, controls=controls, facts=facts),
    )


def _ordered(table: pd.DataFrame) -> pd.DataFrame:
    """Rows by name, severities from the mildest: what is found depends on no order of workers."""
    return table.sort_values(
        ["detector", "condition", "severity_rank", "severity", "fitted_without", "set", "clip"], kind="stable"
    ).reset_index(drop=True)
