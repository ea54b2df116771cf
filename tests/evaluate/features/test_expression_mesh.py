"""The expression vector: blind to pose, place and size, and moved only where the face moves."""

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from curate.expression import NAMES, expression_vector
from evaluate.observation import find_face

Points = NDArray[np.float32]


@pytest.fixture(scope="module")
def points(portrait: NDArray[np.uint8], face_weights: None) -> Points:
    found = find_face(portrait)
    assert found is not None
    return found


def named(points: Points) -> dict[str, float]:
    return dict(zip(NAMES, expression_vector(points), strict=True))


def test_turning_moving_and_scaling_the_mesh_change_nothing(points: Points) -> None:
    turn, _ = cv2.Rodrigues(np.array([0.3, -0.5, 0.2]))
    moved = (2.5 * points @ turn.T + np.array([40.0, -7.0, 3.0])).astype(np.float32)
    assert expression_vector(moved) == pytest.approx(expression_vector(points), abs=1e-5)
    assert len(NAMES) == len(set(NAMES)) == 21


def test_an_opened_mouth_moves_the_lips_and_not_the_eyes(points: Points) -> None:
    opened = points.copy()
    opened[[14, 17, 87, 317], 1] += 20
    before, after = named(points), named(opened)
    assert after["lip_gap"] > before["lip_gap"] + 0.05
    assert after["mouth_height"] > before["mouth_height"] + 0.05
    for name in ("eye_gap_left", "brow_inner_right", "mouth_width", "jaw_drop"):
        assert after[name] == pytest.approx(before[name], abs=1e-6)


def test_a_dropped_jaw_does_not_shrink_the_rest(points: Points) -> None:
    """The unit is the upper face: with the chin in it, speech would change every other number."""
    dropped = points.copy()
    dropped[152] += (points[152] - points[10]) * 0.1
    before, after = named(points), named(dropped)
    assert after["jaw_drop"] > before["jaw_drop"] + 0.05
    assert after["mouth_width"] == pytest.approx(before["mouth_width"], rel=1e-3)


def test_raised_brows_are_higher(points: Points) -> None:
    raised = points.copy()
    raised[[55, 70, 285, 300], 1] -= 8
    before, after = named(points), named(raised)
    assert all(after[name] > before[name] + 0.02 for name in NAMES if name.startswith("brow_") and name != "brow_gap")


def test_the_same_face_mirrored_swaps_the_sides(portrait: NDArray[np.uint8], points: Points) -> None:
    mirrored = find_face(np.ascontiguousarray(portrait[:, ::-1]))
    assert mirrored is not None
    ours, theirs = named(points), named(mirrored)
    assert theirs["mouth_sideways"] == pytest.approx(-ours["mouth_sideways"], abs=0.02)
    assert theirs["lip_gap"] == pytest.approx(ours["lip_gap"], abs=0.03)
