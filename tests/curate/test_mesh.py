"""Face and mesh on a known portrait: where they are, how they turn, and what the mirror does."""

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from curate import mesh as face_mesh
from curate.faces.blazeface import blazeface

pytestmark = pytest.mark.usefixtures("face_weights")


def fit(picture: NDArray[np.uint8]) -> face_mesh.Mesh:
    found = blazeface(picture)
    assert len(found) == 1
    return face_mesh.mesh(picture, box=found.boxes[0], keypoints=found.keypoints[0])


def turned(picture: NDArray[np.uint8], angle_deg: float) -> NDArray[np.uint8]:
    """Turn clockwise about the portrait's face."""
    matrix = cv2.getRotationMatrix2D((222, 115), -angle_deg, 1.0)
    return np.asarray(cv2.warpAffine(picture, matrix, (512, 512), borderMode=cv2.BORDER_REPLICATE), np.uint8)


def test_the_portrait_has_one_face_where_it_is(portrait: NDArray[np.uint8]) -> None:
    mesh = fit(portrait)
    left, top, right, bottom = face_mesh.hull_box(mesh.points)
    assert mesh.confidence > 0.9
    assert 160 < left < 200
    assert 250 < right < 290
    assert 50 < top < 90
    assert 150 < bottom < 200
    right_eye, left_eye, nose, right_mouth, left_mouth = face_mesh.five_points(mesh.points)
    assert right_eye[0] < nose[0] < left_eye[0]
    assert right_mouth[0] < left_mouth[0]
    assert right_eye[1] < nose[1] < right_mouth[1]


def test_the_mirror_turns_yaw_and_roll_round(portrait: NDArray[np.uint8]) -> None:
    yaw, pitch, roll = face_mesh.head_pose_deg(fit(portrait).points)
    mirrored = face_mesh.head_pose_deg(fit(portrait[:, ::-1].copy()).points)
    assert mirrored == pytest.approx((-yaw, pitch, -roll), abs=4)


@pytest.mark.parametrize("angle_deg", [-20, 15, 30])
def test_turning_the_picture_is_roll(portrait: NDArray[np.uint8], angle_deg: float) -> None:
    straight, tilted = fit(portrait), fit(turned(portrait, angle_deg))
    roll = face_mesh.head_pose_deg(tilted.points)[2] - face_mesh.head_pose_deg(straight.points)[2]
    assert roll == pytest.approx(angle_deg, abs=3)
    between = face_mesh.rotation_between_deg(face_mesh.rotation(straight.points), face_mesh.rotation(tilted.points))
    assert between == pytest.approx(abs(angle_deg), abs=4)


def test_pose_of_a_mesh_that_faces_the_camera_is_zero() -> None:
    points = np.zeros((468, 3), np.float32)
    points[face_mesh.RIGHT_SIDE], points[face_mesh.LEFT_SIDE] = (0, 50, 0), (100, 50, 0)
    points[face_mesh.FOREHEAD], points[face_mesh.CHIN] = (50, 0, 0), (50, 100, 0)
    assert face_mesh.head_pose_deg(points) == pytest.approx((0, 0, 0), abs=1e-6)
    turned_left = points.copy()
    turned_left[:, 0] = 50 + (points[:, 0] - 50) * np.cos(np.radians(30))
    turned_left[:, 2] = (points[:, 0] - 50) * np.sin(np.radians(30))  # its left side is farther: it looks to our right
    assert face_mesh.head_pose_deg(turned_left)[0] == pytest.approx(30, abs=0.1)


def test_no_face_in_noise() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (240, 320, 3)).astype(np.uint8)
    assert len(blazeface(noise)) == 0
