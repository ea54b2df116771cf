"""Whom a detector calls synthetic: the threshold that every score is held against, frozen on MATCHED."""

from __future__ import annotations

import numpy as np
import pandas as pd

from evaluate.detection.folds import frozen_thresholds
from evaluate.detection.score_table import MATCHED


def decided(table: pd.DataFrame) -> pd.DataFrame:
    """The table with a `threshold` for every row, `called_fake`, and the clip's own `clean_score`, for each detector.

    A clip's threshold is the one that its fold has under MATCHED, where it is chosen on the other folds; so a
    perturbed clip meets the threshold of the clean one. nan, and nobody called synthetic, where none can be chosen and
    for models that never saw a generator.
    """
    parts = [_decided(rows) for _, rows in table.groupby("detector", sort=False)]
    return pd.concat(parts) if parts else table.assign(threshold=np.nan, called_fake=False, clean_score=np.nan)


def _decided(rows: pd.DataFrame) -> pd.DataFrame:
    usual = rows.fitted_without == ""
    clean = rows[usual & (rows.condition == MATCHED) & rows.score.notna()]
    chosen = frozen_thresholds(clean.score.to_numpy(float), clean.is_fake.to_numpy(bool), clean.fold.to_numpy())
    by_fold = dict(zip(clean.fold.tolist(), chosen.tolist(), strict=True))
    threshold = rows.fold.map(by_fold).astype(float).where(usual)
    own = clean.drop_duplicates(["set", "clip"]).set_index(["set", "clip"]).score
    before = own.reindex(pd.MultiIndex.from_frame(rows[["set", "clip"]])).to_numpy(float)
    return rows.assign(threshold=threshold, called_fake=rows.score >= threshold, clean_score=before)
