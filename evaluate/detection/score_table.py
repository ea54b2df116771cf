"""The table that all of detection turns about: a row for a clip, a detector and a condition, whoever scored it."""

from __future__ import annotations

ORIGINAL, MATCHED = "original", "matched"  # conditions: as it came, and after both sides passed the same crop and codec
REAL = "real"  # the set of the real clips; every other set is a generator

# str unless said: `score` float64 in [0, 1] (nan where the detector abstained), `abstained` the reason or "",
# `is_fake` bool, `fold` int (no cluster is in two), `severity_rank` int (0 for original and matched, then 1, 2, ...).
# `cluster`: clips of one identity, source or duplicate cluster share it. `fitted_without`: the generator that a fitted
# detector never saw ("" for the usual: the clip's own fold left out). Every other column is one of subgroups.
COLUMNS = (
    "set",
    "clip",
    "is_fake",
    "cluster",
    "fold",
    "detector",
    "condition",
    "severity",
    "severity_rank",
    "fitted_without",
    "score",
    "abstained",
)
