"""Who is caught and who is wrongly accused: the clean numbers within every group that the table's columns name."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pandas as pd

from evaluate.detection.cells import AT_THRESHOLD, RANKS, Terms, numbers_of, outline
from evaluate.detection.draws import METRICS
from evaluate.detection.findings import Cell
from evaluate.detection.score_table import COLUMNS

NOT_GROUPS = {*COLUMNS, "threshold", "called_fake", "clean_score"}
MOST_GROUPS = 12  # values of a column that are names; a column with more tells single clips apart, not groups
PARTS = 3  # of a column of numbers


def subgroup_cells(clean: pd.DataFrame, terms: Terms) -> Iterator[Cell]:
    """Yield a cell for every detector and every group that is not all of its clips."""
    wanted = {name: METRICS[name] for name in RANKS + AT_THRESHOLD}
    groups = {column: grouped(clean[column]) for column in clean.columns if column not in NOT_GROUPS}
    for detector, rows in clean.groupby("detector", sort=False):
        for column, group in groups.items():
            values = group.reindex(rows.index)
            for value in sorted(values[values != ""].unique()) if values.nunique() > 1 else ():
                part = rows[values == value]
                cell = outline(str(detector), part, subgroup=f"{column}={value}")
                yield replace(cell, numbers=numbers_of(part, wanted, terms))


def grouped(values: pd.Series) -> pd.Series:
    """The name of each row's group, "" where it has none: names as they are, numbers in parts of equal size.

    A column of more than MOST_GROUPS names has no groups.
    """
    known = values[values.notna() & (values.astype(str) != "")]
    if pd.api.types.is_numeric_dtype(known) and not pd.api.types.is_bool_dtype(known) and known.nunique() > PARTS:
        named = pd.qcut(known.astype(float), PARTS, duplicates="drop").map(_words).astype(str)
    else:
        named = known.astype(str)
    if named.nunique() > MOST_GROUPS:
        named = named.iloc[:0]
    return named.reindex(values.index, fill_value="")


def _words(part: pd.Interval) -> str:
    return f"{part.left:.4g} to {part.right:.4g}"
