"""Set metrics: value, interval, floor, counts, stored references, and absence with a reason."""

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from typing import ClassVar

import numpy as np
import pytest
from numpy.typing import NDArray

from curate.errors import EmoforgeError
from evaluate import set_distance
from evaluate.distances import frechet_distance
from evaluate.gaussians import gaussian
from evaluate.kernel_distance import kernel_sums, unbiased_kid
from evaluate.measure import Measured
from evaluate.protocol import feature_protocol
from evaluate.results import Result
from evaluate.set_distance import FLOOR_RULE, frechet_result, kid_result
from evaluate.set_statistics import SetStatistics, set_statistics, split
from tests.evaluate.clips import measured, random_clips, sets

FEATURE = "expression_mesh"
BOTH = pytest.mark.parametrize("measure", [frechet_result, kid_result])
Measure = Callable[..., Result]


def result(reference: list[Measured], generated: list[Measured], measure: Measure = frechet_result, **more) -> Result:  # type: ignore[no-untyped-def]
    return measure(sets(reference, generated, **more), name="fd", title="FD", feature=FEATURE)


def clips(n: int, *, seed: int, frames: int = 8, d: int = 4, shift: float = 0.0) -> list[Measured]:
    return random_clips(n, seed=seed, feature=FEATURE, frames=frames, d=d, shift=shift)


def vectors(some: list[Measured]) -> NDArray[np.float64]:
    return np.concatenate([clip.features[FEATURE] for clip in some]).astype(np.float64)


def test_a_far_set_is_farther_than_the_floor_and_a_like_set_is_not() -> None:
    real = clips(20, seed=0)
    near, far = result(real, clips(10, seed=1)), result(real, clips(10, seed=2, shift=2.0))
    assert near.floor is not None
    assert far.value == pytest.approx(16.0, rel=0.15)
    assert near.value < 2 * near.floor.value < far.value
    assert far.interval.low < far.value < far.interval.high < 20
    assert near.interval.high < far.interval.low
    assert (near.reference_n.clips, near.reference_n.frames) == (20, 160)
    assert not near.higher_is_better
    assert near.notes == ()


def test_values_are_those_of_all_vectors_at_once() -> None:
    real, made = clips(9, seed=0), clips(7, seed=1, shift=0.5)
    x, y = vectors(real), vectors(made)
    assert result(real, made).value == pytest.approx(frechet_distance(gaussian(x), gaussian(y)), rel=1e-12)
    kernel = result(real, made, kid_result)
    assert kernel.value == pytest.approx(unbiased_kid(kernel_sums(x, y)), rel=1e-10)
    assert kernel.detail["biased"] > kernel.value


@BOTH
def test_the_floor_has_as_many_clips_as_the_generated_set_where_they_suffice(measure: Measure) -> None:
    few, many = (result(clips(20, seed=0), clips(n, seed=1), measure) for n in (4, 30))
    assert [part.clips for part in few.floor.n] == [16, 4]
    assert [part.clips for part in many.floor.n] == [10, 10]
    assert few.floor.how == FLOOR_RULE
    assert result(clips(3, seed=0), clips(4, seed=1), measure).floor is None


@BOTH
def test_the_order_of_clips_changes_no_bit(measure: Measure) -> None:
    real, made = clips(7, seed=3), clips(5, seed=4)
    clusters = {clip.name: str(i // 2) for i, clip in enumerate((*real, *made))}
    once = result(real, made, measure, clusters=clusters)
    again = result(real[::-1], made[::-1], measure, clusters=clusters)
    assert (once.value, once.floor, once.interval) == (again.value, again.floor, again.interval)
    assert once.interval is not None


def test_clusters_widen_the_interval_and_two_of_them_have_none() -> None:
    random = np.random.default_rng(8)
    twins = [
        measured(f"{i}_{j}", feature=FEATURE, vectors=centre + 0.1 * random.normal(size=(8, 4)))
        for i, centre in enumerate(random.normal(size=(6, 4)))
        for j in range(4)
    ]
    other = clips(24, seed=1, shift=1.0)
    by_source = {clip.name: clip.name.split("_")[0] for clip in twins}
    blind, clustered = result(twins, other), result(twins, other, clusters=by_source)
    assert clustered.value == pytest.approx(blind.value, rel=1e-12)
    assert clustered.interval.high - clustered.interval.low > 1.3 * (blind.interval.high - blind.interval.low)
    two = result(twins, other, clusters={clip.name: str(i % 2) for i, clip in enumerate(twins)})
    assert two.interval is None
    assert "no interval: it needs 3 clusters" in two.notes[0]


@BOTH
def test_a_failed_clip_counts_in_the_coverage_with_its_reason(measure: Measure) -> None:
    broken = measured("broken.mp4", failures={FEATURE: "no_face: none"})
    made = result(clips(4, seed=5), [*clips(2, seed=6), broken], measure)
    assert made.value is not None
    assert (made.generated_coverage.measured, made.generated_coverage.total) == (2, 3)
    assert made.generated_coverage.failed == {"broken.mp4": "no_face: none"}


@BOTH
def test_one_clip_is_no_set(measure: Measure) -> None:
    alone = result(clips(4, seed=7), clips(1, seed=8), measure)
    assert alone.value is None
    assert "too few generated clips: 1 measured" in alone.absent
    assert alone.generated_coverage.measured == 1


def test_fewer_frames_than_dimensions_is_said() -> None:
    few = result(clips(2, seed=1, d=30), clips(2, seed=2, d=30))
    assert "16 frames for 30 dimensions" in few.notes[0]


class OnDisk(Mapping[str, NDArray[np.float32]]):
    """Features that are made when asked for; `alive` counts those that somebody holds."""

    alive: ClassVar[list[int]] = [0, 0]

    def __init__(self, kept: NDArray[np.float32]) -> None:
        self.kept = kept

    def __getitem__(self, name: str) -> NDArray[np.float32]:
        return Counted(self.kept)

    def __contains__(self, name: object) -> bool:
        return name == FEATURE

    def __iter__(self) -> Iterator[str]:
        return iter([FEATURE])

    def __len__(self) -> int:
        return 1


class Counted(np.ndarray):
    def __new__(cls, kept: NDArray[np.float32]) -> "Counted":
        OnDisk.alive[0] += 1
        OnDisk.alive[1] = max(OnDisk.alive)
        made = kept.copy().view(cls)
        made.owner = True
        return made

    def __del__(self) -> None:
        OnDisk.alive[0] -= getattr(self, "owner", False)


def test_one_clip_is_in_memory_at_a_time() -> None:
    real, made = clips(30, seed=1), clips(25, seed=2)
    lazy = [
        [dataclasses.replace(clip, features=OnDisk(clip.features[FEATURE])) for clip in side] for side in (real, made)
    ]
    assert result(*lazy).value == result(real, made).value
    assert OnDisk.alive[0] == 0
    assert 1 <= OnDisk.alive[1] <= 2


def test_a_kernel_distance_of_a_large_set_takes_frames_evenly_over_each_clip(monkeypatch: pytest.MonkeyPatch) -> None:
    real, made = clips(6, seed=1, frames=9), clips(10, seed=2, frames=5)
    whole = result(real, made, kid_result)
    assert whole.notes == ()
    monkeypatch.setattr(set_distance, "MAX_VECTORS", 18)
    thin = result(real, made, kid_result)
    assert (thin.reference_n.frames, thin.reference_n.clips) == (18, 6)
    assert (thin.generated_n.frames, thin.generated_n.clips) == (10, 10)
    assert "at most 18 frames" in thin.notes[0]
    assert thin.interval is not None
    kept = vectors(real).reshape(6, 9, 4)[:, [0, 4, 8]].reshape(-1, 4)
    firsts = vectors(made).reshape(10, 5, 4)[:, 0]
    assert thin.value == pytest.approx(unbiased_kid(kernel_sums(kept, firsts)), rel=1e-10)
    assert thin.fingerprint != whole.fingerprint


def stored(real: list[Measured], **changed: object) -> dict[str, SetStatistics]:
    protocol = {**feature_protocol(FEATURE, max_frames=32), **changed}
    return {FEATURE: set_statistics(split(real, size=len(real), clusters={}), FEATURE, protocol=protocol)}


def test_a_stored_reference_gives_the_same_value_without_its_clips() -> None:
    real, made = clips(12, seed=1), clips(9, seed=2, shift=0.5)
    measured_now, from_store = result(real, made), result([], made, statistics=stored(real))
    assert from_store.value == pytest.approx(measured_now.value, rel=1e-12)
    assert from_store.fingerprint == measured_now.fingerprint
    assert (from_store.reference_n, from_store.reference_coverage) == (measured_now.reference_n, None)
    assert [part.clips for part in from_store.floor.n] == [6, 6]
    assert "stored" in from_store.floor.how
    assert from_store.interval.how.endswith("the stored reference taken as it is")
    assert from_store.interval.high - from_store.interval.low < measured_now.interval.high - measured_now.interval.low


def test_statistics_of_another_protocol_are_refused_and_other_versions_are_not() -> None:
    real, made = clips(12, seed=1), clips(9, seed=2)
    other = result([], made, statistics=stored(real, frames="all of them"))
    assert other.value is None
    assert other.absent == "the stored reference was made by another protocol: frames differ"
    assert result([], made, statistics=stored(real, versions={"numpy": "1"})).value is not None


def test_a_kernel_distance_needs_the_vectors_of_the_reference() -> None:
    kernel = result([], clips(9, seed=2), kid_result, statistics=stored(clips(12, seed=1)))
    assert kernel.value is None
    assert "needs its vectors" in kernel.absent


@BOTH
def test_a_clip_of_another_dimension_makes_the_metric_absent(measure: Measure) -> None:
    mixed = result(clips(4, seed=1), clips(4, seed=2, d=5), measure)
    assert mixed.value is None
    assert "4 and 5 dimensions" in mixed.absent
    assert EmoforgeError.__name__ not in mixed.absent


@BOTH
def test_sets_that_never_vary_have_a_distance(measure: Measure) -> None:
    flat = [measured(f"{i}", feature=FEATURE, vectors=np.ones((3, 4))) for i in range(6)]
    assert result(flat, flat, measure).value == pytest.approx(0, abs=1e-12)
    assert result(flat, flat, measure).interval.high == pytest.approx(0, abs=1e-12)
