"""A set metric: a distance between both sets on one feature, with its interval, and within the reference."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from curate.errors import EmoforgeError
from evaluate.distances import Slopes, frechet_distance, frechet_slopes
from evaluate.intervals import MIN_CLUSTERS, Interval, bootstrap_distance
from evaluate.kernel_distance import biased_kid, kernel_sums, kid_slopes, unbiased_kid
from evaluate.measure import Measured
from evaluate.protocol import feature_protocol
from evaluate.results import Baseline, Count, Result
from evaluate.set_statistics import MIN_CLIPS, Part, SetStatistics, set_statistics, split
from evaluate.sets import Sets, coverage

FRECHET = "Fréchet, float64, unbiased covariances, trace of the root as a nuclear norm (no matrix root)"
KID = "squared MMD, kernel (x.y / d + 1)^3, float64, unbiased, all pairs of at most {n} vectors a set"
FLOOR_RULE = (
    "reference against reference: clusters of clips (clips where there is one cluster) in the order of their names' "
    "sha256, as many clips as the generated set has, at most half, against the rest"
)
STORED_FLOOR_RULE = "reference against reference: the two parts of the stored statistics"
MAX_VECTORS = 10_000
"""That KID takes of a set: beyond, each clip gives equally many, spread evenly over it."""

Measure = Callable[[Sets, str, Mapping[str, Any]], "Distance"]


@dataclass(frozen=True, kw_only=True)
class Distance:
    """A distance between two sets, with everything it must be read with."""

    value: float
    interval: Interval | None
    floor: Baseline | None
    reference_n: Count
    generated_n: Count
    detail: Mapping[str, float | int | str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def frechet_result(sets: Sets, *, name: str, title: str, feature: str) -> Result:
    """The Fréchet distance of `feature` between both sets; absent, with the reason, below two clips a side.

    Features are read one clip at a time (twice: statistics, then the interval), so memory is independent of the number
    of clips. The reference may be stored statistics.
    """
    return _result(sets, _frechet, name=name, title=title, feature=feature, distance=FRECHET)


def kid_result(sets: Sets, *, name: str, title: str, feature: str) -> Result:
    """The kernel distance of `feature`, over all pairs rather than random subsets; may be negative.

    Absent below two clips a side, or where the reference is stored statistics: the kernel needs the vectors.
    """
    return _result(sets, _kid, name=name, title=title, feature=feature, distance=KID.format(n=MAX_VECTORS))


def _result(sets: Sets, measure: Measure, *, name: str, title: str, feature: str, distance: str) -> Result:
    of_feature = feature_protocol(feature, max_frames=sets.max_frames)
    result = Result(
        name=name,
        title=title,
        value=None,
        higher_is_better=False,
        protocol={"metric": name, "distance": distance, **of_feature},
        reference_coverage=None if feature in sets.statistics else coverage(sets.reference, feature),
        generated_coverage=coverage(sets.generated, feature),
    )
    try:
        found = measure(sets, feature, of_feature)
    except EmoforgeError as error:
        return replace(result, absent=str(error))
    unsure = () if found.interval else (f"no interval: it needs {MIN_CLUSTERS} clusters of clips a set",)
    return replace(
        result,
        value=found.value,
        interval=found.interval,
        floor=found.floor,
        reference_n=found.reference_n,
        generated_n=found.generated_n,
        detail=found.detail,
        notes=(*found.notes, *unsure),
    )


def _frechet(sets: Sets, feature: str, protocol: Mapping[str, Any]) -> Distance:
    made_clips = _having(sets.generated, feature, "generated")
    stored = sets.statistics.get(feature)
    if stored:
        _check_protocol(stored, protocol)
    real_clips = [] if stored else _having(sets.reference, feature, "reference")
    halves = split(real_clips, size=len(made_clips), clusters=sets.clusters)
    reference = stored or set_statistics(halves, feature, protocol=protocol)
    real, made = reference.whole, set_statistics([made_clips], feature, protocol=protocol).whole
    value = frechet_distance(real.gaussian, made.gaussian)
    of_real, of_made = frechet_slopes(real.gaussian, made.gaussian)
    sides = [_by_clip(made_clips, feature, of_made)] + ([] if stored else [_by_clip(real_clips, feature, of_real)])
    interval = bootstrap_distance(value, sides, clusters=sets.clusters)
    return Distance(
        value=value,
        interval=_not_negative(interval, suffix="; the stored reference taken as it is" if stored else ""),
        floor=_frechet_floor(reference.parts, STORED_FLOOR_RULE if stored else FLOOR_RULE),
        reference_n=real.count,
        generated_n=made.count,
        notes=_few_vectors(real, made),
    )


def _kid(sets: Sets, feature: str, protocol: Mapping[str, Any]) -> Distance:
    if feature in sets.statistics:
        raise EmoforgeError("the reference is stored statistics, and a kernel distance needs its vectors")
    real_clips = _at_most(_having(sets.reference, feature, "reference"))
    made_clips = _at_most(_having(sets.generated, feature, "generated"))
    halves = split(real_clips, size=len(made_clips), clusters=sets.clusters)
    parts = [_pool(half, feature, most=MAX_VECTORS // len(real_clips)) for half in halves]
    real, made = _joined(parts), _pool(made_clips, feature, most=MAX_VECTORS // len(made_clips))
    sums = kernel_sums(real.vectors, made.vectors)
    value = unbiased_kid(sums)
    sides = [pool.by_clip(slopes) for pool, slopes in zip((real, made), kid_slopes(sums), strict=True)]
    return Distance(
        value=value,
        interval=bootstrap_distance(value, sides, clusters=sets.clusters),
        floor=_kid_floor(parts),
        reference_n=real.count,
        generated_n=made.count,
        detail={"biased": biased_kid(sums)},
        notes=_thinned(real, made),
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class _Pool:
    """Vectors of many clips in one array: `sizes`, clip name -> how many of them, in their order."""

    vectors: NDArray[np.float32]
    sizes: Mapping[str, int]
    thinned: bool

    @property
    def count(self) -> Count:
        return Count(frames=len(self.vectors), clips=len(self.sizes))

    def by_clip(self, slopes: NDArray[np.float64]) -> dict[str, float]:
        ends = np.cumsum(list(self.sizes.values()))[:-1]
        return {name: float(part.sum()) for name, part in zip(self.sizes, np.split(slopes, ends), strict=True)}


def _pool(clips: Sequence[Measured], feature: str, *, most: int) -> _Pool:
    """At most `most` vectors of each clip, in the order of the names, one clip's features in memory beside them."""
    taken: list[NDArray[np.float32]] = []
    sizes: dict[str, int] = {}
    thinned = False
    for clip in sorted(clips, key=lambda clip: clip.name):
        vectors = clip.features[feature]
        chosen = vectors[_spread(len(vectors), most)]
        taken.append(chosen)
        sizes[clip.name] = len(chosen)
        thinned |= len(chosen) < len(vectors)
    return _Pool(vectors=np.concatenate(taken), sizes=sizes, thinned=thinned)


def _spread(n: int, most: int) -> NDArray[np.intp]:
    return np.arange(n) if n <= most else np.linspace(0, n - 1, most).round().astype(np.intp)


def _joined(pools: Sequence[_Pool]) -> _Pool:
    return _Pool(
        vectors=np.concatenate([pool.vectors for pool in pools]),
        sizes={name: size for pool in pools for name, size in pool.sizes.items()},
        thinned=any(pool.thinned for pool in pools),
    )


def _frechet_floor(parts: Sequence[Part], how: str) -> Baseline | None:
    if len(parts) < 2:
        return None
    first, second = parts
    value = frechet_distance(first.gaussian, second.gaussian)
    return Baseline(value=value, how=how, n=(first.count, second.count))


def _kid_floor(parts: Sequence[_Pool]) -> Baseline | None:
    if len(parts) < 2:
        return None
    first, second = parts
    value = unbiased_kid(kernel_sums(first.vectors, second.vectors))
    return Baseline(value=value, how=FLOOR_RULE, n=(first.count, second.count))


def _by_clip(clips: Sequence[Measured], feature: str, slopes: Slopes) -> dict[str, float]:
    return {clip.name: float(slopes(clip.features[feature]).sum()) for clip in clips}


def _having(clips: Sequence[Measured], feature: str, side: str) -> list[Measured]:
    """The clips that have the feature; EmoforgeError when they are too few for a distance."""
    having = [clip for clip in clips if feature in clip.features]
    if len(having) < MIN_CLIPS:
        needed = f"a distance between sets needs {MIN_CLIPS}"
        raise EmoforgeError(f"too few {side} clips: {len(having)} measured, and {needed}")
    return having


def _at_most(clips: Sequence[Measured]) -> Sequence[Measured]:
    """MAX_VECTORS clips of more, by their names' sha256."""
    return sorted(clips, key=lambda clip: hashlib.sha256(clip.name.encode()).digest())[:MAX_VECTORS]


def _not_negative(interval: Interval | None, *, suffix: str) -> Interval | None:
    return interval and replace(interval, low=max(interval.low, 0.0), how=interval.how + suffix)


def _check_protocol(stored: SetStatistics, protocol: Mapping[str, Any]) -> None:
    """EmoforgeError unless the stored vectors were made as these are; versions may differ."""
    theirs, ours = (json.loads(json.dumps(dict(found))) for found in (stored.protocol, protocol))
    apart = sorted(key for key in {*theirs, *ours} - {"versions"} if theirs.get(key) != ours.get(key))
    if apart:
        raise EmoforgeError(f"the stored reference was made by another protocol: {', '.join(apart)} differ")


def _thinned(*pools: _Pool) -> tuple[str, ...]:
    if not any(pool.thinned for pool in pools):
        return ()
    return (f"of a larger set at most {MAX_VECTORS} frames are taken, evenly over each clip",)


def _few_vectors(real: Part, made: Part) -> tuple[str, ...]:
    fewest, dimensions = min(real.gaussian.n, made.gaussian.n), len(real.gaussian.mean)
    if fewest > dimensions:
        return ()
    return (f"only {fewest} frames for {dimensions} dimensions: biased upwards, so read it against its floor",)
