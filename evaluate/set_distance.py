"""A set metric: the Fréchet distance between both sets on one feature, and between two halves of the reference."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from evaluate.distances import frechet_distance, gaussian
from evaluate.measure import Measured
from evaluate.protocol import feature_protocol
from evaluate.results import Baseline, Count, Result
from evaluate.sets import Sets, coverage

DISTANCE = "Fréchet, float64, unbiased covariances, trace of the root as a nuclear norm (no matrix root)"
MIN_CLIPS = 2
FLOOR_RULE = "reference against reference: clips in the order of their names' sha256, first half against second half"


def frechet_result(sets: Sets, *, name: str, title: str, feature: str) -> Result:
    """The Fréchet distance of `feature` between both sets, with floor and counts; absent below two clips a side."""
    reference = [clip for clip in sets.reference if feature in clip.features]
    generated = [clip for clip in sets.generated if feature in clip.features]
    few = _too_few(reference, "reference") or _too_few(generated, "generated")
    pooled = [] if few else [_pool(reference, feature), _pool(generated, feature)]
    return Result(
        name=name,
        title=title,
        value=None if few else _distance(*pooled),
        absent=few,
        higher_is_better=False,
        protocol={"metric": name, "distance": DISTANCE, **feature_protocol(feature, max_frames=sets.max_frames)},
        reference_n=_count(reference, feature),
        generated_n=_count(generated, feature),
        floor=floor(reference, feature),
        reference_coverage=coverage(sets.reference, feature),
        generated_coverage=coverage(sets.generated, feature),
        notes=_notes(pooled),
    )


def floor(clips: Sequence[Measured], feature: str) -> Baseline | None:
    """The distance between two halves of the reference, split by clip; None with fewer than two clips a half."""
    ordered = sorted(clips, key=lambda clip: hashlib.sha256(clip.name.encode()).hexdigest())
    halves = [ordered[: len(ordered) // 2], ordered[len(ordered) // 2 :]]
    if len(halves[0]) < MIN_CLIPS:
        return None
    value = _distance(*(_pool(half, feature) for half in halves))
    return Baseline(value=value, how=FLOOR_RULE, n=tuple(_count(half, feature) for half in halves))


def _distance(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    return frechet_distance(gaussian(a), gaussian(b))


def _pool(clips: Sequence[Measured], feature: str) -> NDArray[np.float32]:
    """All clips' vectors in the order of the names, so that the order of measuring can't touch the sums."""
    return np.concatenate([clip.features[feature] for clip in sorted(clips, key=lambda clip: clip.name)])


def _count(clips: Sequence[Measured], feature: str) -> Count:
    return Count(frames=sum(len(clip.features[feature]) for clip in clips), clips=len(clips))


def _too_few(clips: Sequence[Measured], side: str) -> str | None:
    if len(clips) >= MIN_CLIPS:
        return None
    return f"too few {side} clips: {len(clips)} measured, and a distance between sets needs {MIN_CLIPS}"


def _notes(pooled: Sequence[NDArray[np.float32]]) -> tuple[str, ...]:
    if not pooled or (fewest := min(len(features) for features in pooled)) > (dimensions := pooled[0].shape[1]):
        return ()
    return (f"only {fewest} frames for {dimensions} dimensions: biased upwards, so read it against its floor",)
