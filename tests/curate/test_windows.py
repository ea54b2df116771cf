"""Windows of a track whose good and bad frames are known."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.tracks import Track
from curate.windows import choose_windows
from tests.curate.tracks_by_hand import made_track


def spans(track: Track, **bounds: float) -> list[tuple[int, int]]:
    bounds = {"min_clip_s": 3.0, "max_clip_s": 12.0} | bounds
    parts = choose_windows(track, **bounds)
    return [(part.first - track.first, part.first - track.first + len(part)) for part in parts]


def turned(n: int, begin: int, end: int) -> np.ndarray:
    pose = np.zeros((n, 3), np.float32)
    pose[begin:end, 0] = 80.0
    return pose


def test_a_good_track_that_fits_is_one_clip() -> None:
    assert spans(made_track(200, first=40)) == [(0, 200)]


def test_a_profile_at_the_end_is_cut_off_and_kept_apart() -> None:
    assert spans(made_track(250, pose_deg=turned(250, 200, 250))) == [(0, 200), (200, 250)]


def test_a_profile_in_the_middle_is_cut_around() -> None:
    assert spans(made_track(300, pose_deg=turned(300, 120, 160))) == [(0, 120), (120, 160), (160, 300)]


def test_a_moment_is_not_cut_around() -> None:
    assert spans(made_track(250, pose_deg=turned(250, 120, 124))) == [(0, 250)]


def test_frames_without_the_face_or_with_half_of_it_are_bad() -> None:
    lost, half = np.ones(250, np.float32), np.ones(250, np.float32)
    lost[200:] = 0.0
    half[200:] = 0.6
    assert (
        spans(made_track(250, confidence=lost)) == spans(made_track(250, completeness=half)) == [(0, 200), (200, 250)]
    )


def test_a_long_track_is_cut_where_the_mouth_rests() -> None:
    aperture = np.full(500, 0.2, np.float32)
    aperture[230:236] = 0.0
    (begin, cut), (same_cut, end) = spans(made_track(500, mouth_aperture=aperture))
    assert (begin, end) == (0, 500)
    assert cut == same_cut
    assert 230 <= cut <= 236


def test_a_track_that_is_too_short_stays_whole() -> None:
    assert spans(made_track(40)) == [(0, 40)]


def test_a_long_bad_track_is_split_evenly() -> None:
    assert spans(made_track(600, pose_deg=turned(600, 0, 600))) == [(0, 300), (300, 600)]


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(20, 900))
def test_parts_follow_one_another_and_none_is_too_long(seed: int, n: int) -> None:
    random = np.random.default_rng(seed)
    confidence = np.repeat(random.random(n // 20 + 1) > 0.3, 20)[:n].astype(np.float32)
    found = spans(made_track(n, confidence=confidence, mouth_aperture=random.random(n).astype(np.float32)))
    assert found[0][0] == 0
    assert found[-1][1] == n
    assert all(a[1] == b[0] for a, b in pairwise(found))
    assert all(0 < end - begin <= 300 for begin, end in found)


@pytest.mark.parametrize("seed", range(5))
def test_no_other_windows_are_worth_more(seed: int) -> None:
    """Against all choices, tried one by one on a track of 14 frames with windows of 3 to 6."""
    from curate.windows import BAD_FRAME, WINDOW_COST, _best_windows

    random = np.random.default_rng(seed)
    values = np.where(random.random(14) > 0.3, 10.0, 10 * BAD_FRAME)
    costs = random.random(15) * 5

    def best(begin: int) -> float:
        if begin >= 14:
            return 0.0
        windows = [
            values[begin:end].sum() - WINDOW_COST - costs[begin] - costs[end] + best(end)
            for end in range(begin + 3, min(begin + 6, 14) + 1)
        ]
        return max([best(begin + 1), *windows])

    found = _best_windows(values, costs, shortest=3, longest=6)
    worth = sum(values[a:b].sum() - WINDOW_COST - costs[a] - costs[b] for a, b in found)
    assert worth == pytest.approx(best(0))
