"""Paired comparisons: known answers, how often a difference is found where there is none, and Holm's correction."""

import numpy as np
import pytest
from numpy.typing import NDArray

from evaluate.detection.comparisons import compare_detectors, compare_generators, holm
from evaluate.detection.findings import Number

Numbers = NDArray[np.float64]


def people(n: int, clips: int) -> tuple[NDArray[np.bool_], NDArray[np.str_]]:
    """Who is fake and the cluster, `n` people a class with as many clips each."""
    person = np.repeat(np.arange(2 * n), clips)
    return person >= n, person.astype(str)


def alike(random: np.random.Generator, cluster: NDArray[np.str_], is_fake: NDArray[np.bool_], shift: float) -> Numbers:
    own = random.normal(size=cluster.astype(int).max() + 1)[cluster.astype(int)]
    return own + random.normal(size=len(cluster)) + shift * is_fake


def ends(number: Number) -> tuple[float, float]:
    assert number.low is not None
    assert number.high is not None
    return number.low, number.high


def test_a_detector_does_not_differ_from_itself() -> None:
    is_fake, cluster = people(10, 5)
    scores = alike(np.random.default_rng(0), cluster, is_fake, 1.0)
    paired = compare_detectors(scores, scores.copy(), is_fake, cluster)
    assert (paired.difference.value, paired.difference.low, paired.difference.high, paired.p) == (0, 0, 0, 1)


def test_a_clearly_better_detector_is_found_and_the_order_only_turns_the_sign() -> None:
    random = np.random.default_rng(1)
    is_fake, cluster = people(20, 5)
    good, bad = (alike(random, cluster, is_fake, shift) for shift in (4.0, 0.5))
    paired, turned = compare_detectors(good, bad, is_fake, cluster), compare_detectors(bad, good, is_fake, cluster)
    low, high = ends(paired.difference)
    assert 0 < low < 0.3 < high
    assert paired.p is not None
    assert paired.p < 0.01
    assert turned.p == paired.p
    assert ends(turned.difference) == pytest.approx((-high, -low))


def test_clips_that_one_detector_abstained_on_are_left_out_of_both() -> None:
    is_fake, cluster = people(8, 4)
    random = np.random.default_rng(2)
    first, second = (alike(random, cluster, is_fake, 1.0) for _ in range(2))
    silent = first.copy()
    silent[::4] = np.nan
    left = ~np.isnan(silent)
    found = compare_detectors(silent, second, is_fake, cluster)
    assert found == compare_detectors(first[left], second[left], is_fake[left], cluster[left])


@pytest.mark.parametrize("people_each", [6, 20])
def test_equal_detectors_are_told_apart_as_rarely_as_the_level_says(people_each: int) -> None:
    """At most 5 % of 200 trials, and two deviations of such a count; six people a class make it find none."""
    random = np.random.default_rng(3)
    is_fake, cluster = people(people_each, 4)
    trials = [
        compare_detectors(
            *(alike(random, cluster, is_fake, 1.5) for _ in range(2)), is_fake, cluster, draws=200, seed=seed
        )
        for seed in range(200)
    ]
    found = sum(paired.p is not None and paired.p < 0.05 for paired in trials)
    assert (people_each > 6) <= found <= 16
    assert sum(not low <= 0 <= high for low, high in (ends(paired.difference) for paired in trials)) <= 16


def test_two_perfect_detectors_are_not_known_to_be_equal() -> None:
    is_fake, cluster = people(15, 1)
    first = np.where(is_fake, 0.9, 0.1)
    paired = compare_detectors(first, first**2, is_fake, cluster)
    assert paired.p == 1
    missable = 1 - 0.025 ** (1 / 15)
    assert ends(paired.difference) == pytest.approx((-missable, missable))


@pytest.mark.parametrize("people_each", [3, 6, 15])
def test_no_difference_is_surer_than_the_sign_test_over_clusters(people_each: int) -> None:
    is_fake, cluster = people(people_each, 3)
    right = np.where(is_fake, 0.9, 0.1)
    paired = compare_detectors(right, 1 - right, is_fake, cluster)
    assert paired.difference.value == 1
    assert paired.p is not None
    assert paired.p >= 2 * 0.5**people_each
    assert (ends(paired.difference)[0] > 0) == (people_each > 5)


def test_two_generators_are_compared_against_the_same_real_clips() -> None:
    random = np.random.default_rng(4)
    generator = np.repeat(["", "easy", "hard", "other"], 60)
    cluster = np.array([f"{name} {i // 3}" for i, name in enumerate(generator)])
    scores = random.normal(size=240) + np.repeat([0, 3, 0.3, 9], 60)
    paired = compare_generators(scores, generator, cluster, first="easy", second="hard")
    real, easy, hard = (scores[generator == name] for name in ("", "easy", "hard"))
    expected = np.mean(easy[:, None] > real) - np.mean(hard[:, None] > real)
    low, high = ends(paired.difference)
    assert paired.difference.value == pytest.approx(expected)
    assert 0 < low < expected < high
    assert paired.p is not None
    assert paired.p < 0.01
    same = compare_generators(
        scores, np.where(generator == "hard", "easy", generator), cluster, first="easy", second="easy"
    )
    assert (same.difference.value, same.p) == (0, 1)


def test_people_that_two_generators_share_are_drawn_for_both() -> None:
    """Scores hang on the person alone, so generators of the same people differ in nothing."""
    random = np.random.default_rng(5)
    generator = np.repeat(["", "one", "two"], 10)
    person = np.tile(np.arange(10), 3)
    scores = np.concatenate([random.normal(size=10), *[random.normal(size=10)] * 2])
    shared = compare_generators(scores, generator, person.astype(str), first="one", second="two")
    assert (ends(shared.difference), shared.p) == ((0, 0), 1)
    apart = np.char.add(generator, person.astype(str))
    low, high = ends(compare_generators(scores, generator, apart, first="one", second="two").difference)
    assert low < -0.1 < 0.1 < high


def test_too_few_clusters_give_a_difference_without_interval_and_no_clips_give_none() -> None:
    is_fake, cluster = people(2, 9)
    scores = np.linspace(0, 1, 36)
    paired = compare_detectors(scores, -scores, is_fake, cluster)
    assert (paired.difference.value, paired.difference.low, paired.p) == (1.0, None, None)
    assert paired.difference.absent == "no interval: 2 clusters of real clips, 3 are needed"
    none = compare_generators(scores, np.where(is_fake, "EMO", ""), cluster, first="EMO", second="VASA")
    assert (none.difference.value, none.difference.absent) == (None, "there are no VASA clips with scores of both")


def test_holm_on_a_known_vector() -> None:
    """The example of R's p.adjust: sorted p times 4, 3, 2, 1, never falling; a test without p isn't counted."""
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.01, None, 0.04, 0.03, 0.005]) == pytest.approx([0.03, None, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.6]) == [1.0, 1.0]
    assert holm([]) == []
