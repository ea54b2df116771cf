"""Tracks from faces whose truth is known: joined by overlap, gaps filled, cut at shots."""

import numpy as np
import pytest

from curate.tracks import Face, Tracker


def face(left: float, top: float = 0.0, *, size: float = 100.0, aperture: float = 0.1, turn_deg: float = 0.0) -> Face:
    angle = np.radians(turn_deg)
    rotation = np.array([[np.cos(angle), 0, np.sin(angle)], [0, 1, 0], [-np.sin(angle), 0, np.cos(angle)]])
    return Face(
        box=np.array([left, top, left + size, top + size], np.float32),
        points=np.zeros((5, 2), np.float32),
        rotation=rotation.astype(np.float32),
        pose_deg=np.array([turn_deg, 0, 0], np.float32),
        mouth_aperture=aperture,
        mouth_width=0.5,
        eye_openness=0.3,
        expression=np.zeros(21, np.float32),
        confidence=0.9,
        sharpness=50.0,
        luminance=120.0,
        completeness=1.0,
    )


def test_two_faces_become_two_tracks_whatever_their_order() -> None:
    tracker = Tracker(fps=25)
    for index in range(50):
        pair = [face(10 + index), face(400 - index)]
        tracker.feed(index, pair if index % 2 else pair[::-1])
    left, right = tracker.tracks(cuts=(), min_s=0.5)
    assert len(left) == len(right) == 50
    np.testing.assert_allclose(left.boxes[:, 0], 10 + np.arange(50))
    np.testing.assert_allclose(right.boxes[:, 0], 400 - np.arange(50))


def test_a_short_gap_is_filled_on_a_line_and_marked() -> None:
    tracker = Tracker(fps=25, max_gap_s=0.4)
    for index in [*range(20), *range(26, 40)]:
        tracker.feed(index, [face(10.0 * index / 4, aperture=index / 100)])
    (track,) = tracker.tracks(cuts=(), min_s=0.5)
    assert len(track) == 40
    np.testing.assert_allclose(track.mouth_aperture, np.arange(40) / 100, atol=1e-6)
    assert (track.confidence[20:26] == 0).all()
    assert (track.confidence[:20] > 0).all()


def test_a_long_gap_ends_the_track() -> None:
    tracker = Tracker(fps=25, max_gap_s=0.4)
    for index in [*range(20), *range(40, 60)]:
        tracker.feed(index, [face(10)] if index < 100 else [])
    assert [(track.first, len(track)) for track in tracker.tracks(cuts=(), min_s=0.5)] == [(0, 20), (40, 20)]


def test_a_cut_ends_the_track_even_where_faces_overlap() -> None:
    tracker = Tracker(fps=25)
    for index in range(60):
        tracker.feed(index, [face(10)])
    assert [(track.first, len(track)) for track in tracker.tracks(cuts=(25,), min_s=0.5)] == [(0, 25), (25, 35)]


def test_short_tracks_are_noise() -> None:
    tracker = Tracker(fps=25)
    for index in range(10):
        tracker.feed(index, [face(10)])
    assert tracker.tracks(cuts=(), min_s=0.5) == ()


def test_rotation_speed_of_a_steady_turn() -> None:
    tracker = Tracker(fps=25)
    for index in range(30):
        tracker.feed(index, [face(10, turn_deg=1.5 * index)])
    (track,) = tracker.tracks(cuts=(), min_s=0.5)
    np.testing.assert_allclose(track.rotation_speed_deg, 1.5, atol=0.02)


def test_a_part_keeps_its_place_in_time() -> None:
    tracker = Tracker(fps=25)
    for index in range(5, 55):
        tracker.feed(index, [face(10, aperture=index)])
    part = tracker.tracks(cuts=(), min_s=0.5)[0].part(10, 20)
    assert (part.first, len(part)) == (15, 10)
    assert part.start_s == pytest.approx(0.6)
    assert part.end_s == pytest.approx(1.0)
    assert part.mouth_aperture[0] == 15
