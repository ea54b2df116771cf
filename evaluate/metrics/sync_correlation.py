"""How well the mouth follows the voice: the mean over clips of curate's sync correlation."""

from collections.abc import Sequence

import numpy as np

from evaluate.measure import Measured
from evaluate.protocol import scorer_protocol
from evaluate.results import Baseline, Count, Result
from evaluate.sets import Sets, coverage

TITLE = "Lip sync"
HIGHER_IS_BETTER = True
FEATURES = ()
SCORERS = ("sync_correlation",)
PEAK, OFFSET = "sync_correlation_peak", "sync_correlation_offset_s"


def sync_correlation(sets: Sets) -> Result:
    """Higher is better, in [-1, 1]; a best-over-lags correlation, so unrelated sound gives more than 0."""
    real = [clip for clip in sets.reference if PEAK in clip.scores]
    seen = [clip for clip in sets.generated if PEAK in clip.scores]
    return Result(
        name="sync_correlation",
        title=TITLE,
        value=_mean_peak(seen),
        absent=None if seen else "no generated clip has both a face and speech of two seconds or more",
        higher_is_better=HIGHER_IS_BETTER,
        protocol={"metric": "sync_correlation", "aggregate": "mean over clips", **scorer_protocol("sync_correlation")},
        reference_n=_count(real),
        generated_n=_count(seen),
        reference_value=_reference_value(real),
        reference_coverage=coverage(sets.reference, "sync_correlation"),
        generated_coverage=coverage(sets.generated, "sync_correlation"),
        detail={"median_abs_offset_s": float(np.median([abs(clip.scores[OFFSET]) for clip in seen]))} if seen else {},
        per_clip=_columns(seen),
        per_reference_clip=_columns(real),
    )


def _columns(clips: Sequence[Measured]) -> dict[str, dict[str, float | str]]:
    """Every number that the scorer gives."""
    parts = dict.fromkeys(part for clip in clips for part in clip.scores if part.startswith(f"{SCORERS[0]}_"))
    return {part: {clip.name: clip.scores[part] for clip in clips} for part in parts}


def _mean_peak(clips: Sequence[Measured]) -> float | None:
    return float(np.mean([clip.scores[PEAK] for clip in clips])) if clips else None


def _reference_value(clips: Sequence[Measured]) -> Baseline | None:
    value = _mean_peak(clips)
    return None if value is None else Baseline(value=value, how="the reference clips' mean", n=(_count(clips),))


def _count(clips: Sequence[Measured]) -> Count:
    return Count(frames=sum(clip.n_track_frames for clip in clips), clips=len(clips))
