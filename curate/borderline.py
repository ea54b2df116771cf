"""The dropped clips that came nearest to being kept: what to look at before a threshold is trusted."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from curate.records import Threshold

Thresholds = Mapping[str, Mapping[str, Threshold]]  # by the clips' domain, then by score

REASONS, CLIPS_A_REASON = 8, 3


def borderline_drops(clips: pd.DataFrame, keep: Thresholds) -> pd.DataFrame:
    """Return the rows of dropped clips whose score lies nearest its threshold, nearest first, and their `distance`.

    The reasons that dropped most come first. A clip whose score is missing is near nothing, and never among them.
    """
    chosen = [_nearest(clips, reason, keep) for reason in clips.dropped_by.value_counts().index]
    found = [rows for rows in chosen if len(rows)][:REASONS]
    return pd.concat(found) if found else clips.head(0).assign(distance=pd.Series(dtype=float))


def _nearest(clips: pd.DataFrame, reason: str, keep: Thresholds) -> pd.DataFrame:
    rows = clips[clips.dropped_by == reason]
    if reason not in rows:  # dropped by something that is no score
        return rows.head(0)
    distance = pd.Series(np.nan, rows.index)
    for domain, thresholds in keep.items():
        of_domain = rows.domain.fillna("speech") == domain
        if reason in thresholds:
            values = rows.loc[of_domain, reason].to_numpy(float)
            distance[of_domain] = _distance(values, thresholds[reason])
    nearest = distance[np.isfinite(distance)].sort_values(kind="stable").head(CLIPS_A_REASON)
    return rows.loc[nearest.index].assign(distance=nearest)


def _distance(values: NDArray[np.float64], threshold: Threshold) -> NDArray[np.float64]:
    """How far values lie outside of the range, in the score's own unit; inside it is none."""
    low = -np.inf if threshold.min is None else threshold.min
    high = np.inf if threshold.max is None else threshold.max
    return np.asarray(np.maximum(np.maximum(low - values, values - high), 0.0))
