"""Intervals: how often they hold the truth with clips that are alike, their bias, and what leaves them unmoved."""

import numpy as np
import pytest
from numpy.typing import NDArray

from evaluate.distances import frechet_distance, frechet_slopes
from evaluate.gaussians import gaussian
from evaluate.intervals import Interval, bootstrap_distance, bootstrap_mean
from evaluate.kernel_distance import kernel_sums, kid_slopes, unbiased_kid

Matrix = NDArray[np.float64]
Clips = NDArray[np.float64]  # (clips, frames, d)


def alike(random: np.random.Generator, *, identities: int, clips: int) -> dict[str, float]:
    """Clip -> number with mean 0: identities differ twice as much as clips of one do."""
    values = random.normal(size=(identities, 1)) + 0.5 * random.normal(size=(identities, clips))
    return {f"{i}_{j}": float(values[i, j]) for i in range(identities) for j in range(clips)}


def holds(interval: Interval | None, truth: float) -> bool:
    assert interval is not None
    return interval.low < truth < interval.high


@pytest.mark.parametrize(("identities", "clips"), [(20, 20), (6, 5)])
def test_clusters_are_what_an_interval_needs_to_hold_the_truth(identities: int, clips: int) -> None:
    """Of 95 % intervals; percentiles that are not expanded hold 85 % with five identities, BCa 86 %."""
    random = np.random.default_rng(0)
    draws = [alike(random, identities=identities, clips=clips) for _ in range(200)]
    clusters = {name: name.split("_")[0] for name in draws[0]}
    clustered = np.mean([holds(bootstrap_mean(values, clusters=clusters, draws=500), 0.0) for values in draws])
    blind = np.mean([holds(bootstrap_mean(values, clusters={}, draws=500), 0.0) for values in draws])
    assert clustered > 0.9
    assert blind < 0.75


def test_neither_order_nor_another_call_changes_a_bit_and_another_seed_little() -> None:
    values = alike(np.random.default_rng(1), identities=8, clips=4)
    clusters = {name: name.split("_")[0] for name in values}
    found = bootstrap_mean(values, clusters=clusters)
    turned = dict(reversed(values.items()))
    assert found == bootstrap_mean(turned, clusters=dict(reversed(clusters.items())))
    other = bootstrap_mean(values, clusters=clusters, seed=1)
    assert found is not None
    assert other is not None
    assert 0 < abs(found.low - other.low) < 0.15 * (found.high - found.low)


def test_a_constant_has_no_width_and_a_wider_level_is_wider() -> None:
    flat = bootstrap_mean(dict.fromkeys("abcd", 2.5), clusters={})
    assert flat is not None
    assert (flat.low, flat.high, flat.level) == (2.5, 2.5, 0.95)
    values = alike(np.random.default_rng(2), identities=9, clips=1)
    wide, narrow = (bootstrap_mean(values, clusters={}, level=level) for level in (0.99, 0.8))
    assert wide is not None
    assert narrow is not None
    assert wide.low < narrow.low < np.mean(list(values.values())) < narrow.high < wide.high


def test_many_clips_agree_with_the_normal_interval() -> None:
    numbers = np.random.default_rng(3).normal(5, 2, size=400)
    found = bootstrap_mean({str(i): float(x) for i, x in enumerate(numbers)}, clusters={})
    reach = 1.96 * numbers.std() / 20
    assert found is not None
    assert (found.low, found.high) == pytest.approx((numbers.mean() - reach, numbers.mean() + reach), abs=0.1 * reach)
    assert found.how == "bootstrap over 400 clips, expanded percentiles, 2000 draws, seed 0"


def test_two_clusters_have_no_interval() -> None:
    values = {"a": 1.0, "b": 2.0, "c": 3.0, "d": 4.0}
    assert bootstrap_mean(values, clusters={"a": "x", "b": "x", "c": "y", "d": "y"}) is None
    assert bootstrap_mean(values, clusters={"a": "x", "b": "x", "c": "y"}) is not None
    assert bootstrap_distance(1.0, [values, {"e": 1.0, "f": 2.0}], clusters={}) is None
    assert bootstrap_distance(1.0, [], clusters={}) is None


def made(random: np.random.Generator, n: int, *, frames: int, d: int, shift: float) -> Clips:
    """Clips of frames that are nearly one sample: four fifths of the variance lie between clips."""
    between, within = random.normal(size=(n, 1, d)), random.normal(size=(n, frames, d))
    return (0.8**0.5 * between + 0.2**0.5 * within) * np.linspace(1, 0.3, d) + shift


def frechet(x: Clips, y: Clips) -> float:
    return frechet_distance(*(gaussian(clips.reshape(-1, clips.shape[-1])) for clips in (x, y)))


def by_clip(slopes: Matrix, clips: Clips) -> dict[str, float]:
    return {f"{i}": float(total) for i, total in enumerate(slopes.reshape(len(clips), -1).sum(axis=1))}


def frechet_interval(x: Clips, y: Clips) -> Interval | None:
    flat = [clips.reshape(-1, clips.shape[-1]) for clips in (x, y)]
    slopes = frechet_slopes(*map(gaussian, flat))
    sides = [by_clip(slope(rows), clips) for slope, rows, clips in zip(slopes, flat, (x, y), strict=True)]
    return bootstrap_distance(frechet(x, y), sides, clusters={})


def kid(x: Clips, y: Clips) -> tuple[float, Interval | None]:
    sums = kernel_sums(*(clips.reshape(-1, clips.shape[-1]) for clips in (x, y)))
    sides = [by_clip(slopes, clips) for slopes, clips in zip(kid_slopes(sums), (x, y), strict=True)]
    return unbiased_kid(sums), bootstrap_distance(unbiased_kid(sums), sides, clusters={})


@pytest.mark.parametrize(
    ("n", "frames", "d", "shift"), [(20, 8, 8, 0.5), (12, 4, 64, 0.2), (12, 4, 64, 0.0)], ids=["tall", "wide", "null"]
)
def test_an_interval_of_a_distance_holds_its_mean_at_this_number_of_clips(
    n: int, frames: int, d: int, shift: float
) -> None:
    random = np.random.default_rng(4)
    pairs = [
        (made(random, n, frames=frames, d=d, shift=0), made(random, n, frames=frames, d=d, shift=shift))
        for _ in range(160)
    ]
    mean = float(np.mean([frechet(x, y) for x, y in pairs]))
    assert np.mean([holds(frechet_interval(x, y), mean) for x, y in pairs]) > 0.92


def test_an_interval_of_the_kernel_distance_holds_its_mean() -> None:
    random = np.random.default_rng(5)
    pairs = [(made(random, 20, frames=4, d=8, shift=0), made(random, 15, frames=4, d=8, shift=0.4)) for _ in range(160)]
    found = [kid(x, y) for x, y in pairs]
    mean = float(np.mean([value for value, _ in found]))
    assert np.mean([holds(interval, mean) for _, interval in found]) > 0.9


def test_recomputing_a_distance_for_each_draw_is_biased_upwards() -> None:
    """Why slopes: the draws repeat clips, and lie 7.6 above a distance of 33 with twelve clips a side in 64-d."""
    random = np.random.default_rng(6)
    x, y = (made(random, 12, frames=4, d=64, shift=shift) for shift in (0.0, 0.2))
    draws = [frechet(x[random.integers(12, size=12)], y[random.integers(12, size=12)]) for _ in range(100)]
    interval = frechet_interval(x, y)
    assert interval is not None
    assert np.quantile(draws, 0.025) > frechet(x, y)
    assert interval.low < frechet(x, y) < interval.high
    assert np.std(draws) > 1.1 * (interval.high - interval.low) / 4


def test_a_cluster_in_both_sets_is_drawn_at_once() -> None:
    """What moves both sets alike cancels; two clips that only share a name do not."""
    slopes = {f"{i}.mp4": float(x) for i, x in enumerate(np.random.default_rng(7).normal(size=10))}
    against = {f"{name}_made": -slope for name, slope in slopes.items()}
    together = {name: name.split(".")[0] for name in (*slopes, *against)}
    shared = bootstrap_distance(3.0, [slopes, against], clusters=together)
    assert shared is not None
    assert (shared.low, shared.high) == pytest.approx((3.0, 3.0))
    apart = bootstrap_distance(3.0, [slopes, {name: -slope for name, slope in slopes.items()}], clusters={})
    assert apart is not None
    assert apart.high - apart.low > 5
