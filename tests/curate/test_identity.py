"""Identity embeddings: alignment undoes pose in the plane, one person is near and strangers are far."""

from itertools import combinations
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from curate import identity, weights
from curate.errors import WeightsError
from curate.faces.blazeface import blazeface
from curate.media import read_frames
from curate.mesh import five_points, mesh

CLIPS = ("aoc_hdtf.mp4", "studio_man_blue.mp4", "senator_office.mp4", "vasa_3.mp4", "woman_driving.mp4")


@pytest.fixture(scope="module", autouse=True)
def identity_weights(face_weights: None) -> None:
    try:
        weights.path(identity.WEIGHTS)
    except WeightsError as error:
        pytest.skip(str(error))


def points_of(image: NDArray[np.uint8]) -> NDArray[np.float32]:
    found = blazeface(image)
    return five_points(mesh(image, box=found.boxes[0], keypoints=found.keypoints[0]).points)


def test_a_unit_vector_the_same_every_time(portrait: NDArray[np.uint8]) -> None:
    points = points_of(portrait)
    first, again = identity.embed(portrait, points), identity.embed(portrait, points)
    assert first.shape == (128,)
    assert first.dtype == np.float32
    assert float(np.linalg.norm(first)) == pytest.approx(1.0, abs=1e-6)
    assert np.array_equal(first, again)


@pytest.mark.parametrize(("angle_deg", "scale"), [(0, 1.0), (20, 0.9), (-35, 0.6), (90, 1.0), (0, 0.4)])
def test_rotation_and_size_hardly_change_it(portrait: NDArray[np.uint8], angle_deg: float, scale: float) -> None:
    points = points_of(portrait)
    turn = cv2.getRotationMatrix2D((222.0, 115.0), angle_deg, scale)
    turned = np.asarray(cv2.warpAffine(portrait, turn, (512, 512), flags=cv2.INTER_AREA), np.uint8)
    moved = (points @ turn[:, :2].T + turn[:, 2]).astype(np.float32)
    assert float(identity.embed(turned, moved) @ identity.embed(portrait, points)) > 0.97


def test_a_large_picture_is_shrunk_not_skipped(portrait: NDArray[np.uint8]) -> None:
    points = points_of(portrait)
    large = np.asarray(cv2.resize(portrait, None, fx=6, fy=6, interpolation=cv2.INTER_CUBIC), np.uint8)
    moved = ((points + 0.5) * 6 - 0.5).astype(np.float32)
    difference = identity.face_chip(large, moved).astype(float) - identity.face_chip(portrait, points)
    assert np.abs(difference).mean() < 4
    assert float(identity.embed(large, moved) @ identity.embed(portrait, points)) > 0.99


def test_the_transform_is_the_known_one() -> None:
    turn = np.array([[0.0, -2.0], [2.0, 0.0]])
    target = identity.TEMPLATE @ turn.T + np.array([5.0, -3.0])
    found = identity.similarity_transform(identity.TEMPLATE, target, identity.POINT_WEIGHTS)
    assert found == pytest.approx(np.column_stack([turn, [5.0, -3.0]]), abs=1e-9)


def test_one_person_is_near_and_strangers_are_far(media_folder: Path) -> None:
    people = []
    for name in CLIPS:
        frames = [f.image for f in read_frames(media_folder / name, width=640, end_s=3.0) if f.index % 24 == 0]
        people.append(np.stack([identity.embed(image, points_of(image)) for image in frames]))
    same = [float((person @ person.T).min()) for person in people]
    strangers = [float((one @ other.T).max()) for one, other in combinations(people, 2)]
    assert min(same) > identity.SAME_PERSON_COSINE
    assert max(strangers) < identity.SAME_PERSON_COSINE
