"""A set metric: value, floor, counts, and absence with a reason."""

import pytest

from evaluate.set_distance import floor, frechet_result
from tests.evaluate.clips import measured, random_clips, sets

FEATURE = "expression_mesh"


def result(reference, generated):  # type: ignore[no-untyped-def]
    return frechet_result(sets(reference, generated), name="fd", title="FD", feature=FEATURE)


def test_a_far_set_is_farther_than_the_floor_and_a_like_set_is_not() -> None:
    real = random_clips(20, seed=0, feature=FEATURE)
    near = result(real, random_clips(10, seed=1, feature=FEATURE))
    far = result(real, random_clips(10, seed=2, feature=FEATURE, shift=2.0))
    assert near.floor is not None
    assert far.value == pytest.approx(16.0, rel=0.15)
    assert near.value < 2 * near.floor.value < far.value
    assert (near.reference_n.clips, near.reference_n.frames) == (20, 160)
    assert [half.clips for half in near.floor.n] == [10, 10]
    assert not near.higher_is_better


def test_the_order_of_clips_changes_no_bit() -> None:
    real, made = random_clips(7, seed=3, feature=FEATURE), random_clips(5, seed=4, feature=FEATURE)
    once, again = result(real, made), result(real[::-1], made[::-1])
    assert once.value == again.value
    assert once.floor == again.floor


def test_a_failed_clip_counts_in_the_coverage_with_its_reason() -> None:
    broken = measured("broken.mp4", failures={FEATURE: "no_face: none"})
    made = result(random_clips(4, seed=5, feature=FEATURE), [*random_clips(2, seed=6, feature=FEATURE), broken])
    assert made.value is not None
    assert (made.generated_coverage.measured, made.generated_coverage.total) == (2, 3)
    assert made.generated_coverage.failed == {"broken.mp4": "no_face: none"}


def test_one_clip_is_no_set() -> None:
    alone = result(random_clips(4, seed=7, feature=FEATURE), random_clips(1, seed=8, feature=FEATURE))
    assert alone.value is None
    assert "too few generated clips: 1 measured" in alone.absent


def test_three_clips_have_no_floor() -> None:
    assert floor(random_clips(3, seed=9), "x") is None
    assert floor(random_clips(4, seed=9), "x") is not None


def test_fewer_frames_than_dimensions_is_said() -> None:
    few = result(random_clips(2, seed=1, feature=FEATURE, d=30), random_clips(2, seed=2, feature=FEATURE, d=30))
    assert "16 frames for 30 dimensions" in few.notes[0]
