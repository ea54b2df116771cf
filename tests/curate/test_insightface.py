"""SCRFD: what its nine outputs mean, and what is said when its weights are missing."""

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from curate import weights
from curate.errors import WeightsError
from curate.faces import insightface as detector
from curate.faces.insightface import STRIDES, decode, insightface, six_keypoints

Values = NDArray[np.float32]


class OneFace:
    """Stands for the network: sees one face in the 640 px input, at two neighbouring anchors and with known scores."""

    def __init__(self, *, box: Values, points: Values, stride: int = 16) -> None:
        self.inputs: list[Values] = []
        self.outputs = [np.zeros(((640 // s) ** 2 * 2, n), np.float32) for n in (1, 4, 10) for s in STRIDES]
        level = STRIDES.index(stride)
        column, row = (int(middle // stride) for middle in (box[:2] + box[2:]) / 2)
        centre = np.array([column, row], np.float32) * stride
        for anchor, score in ((0, 0.7), (1, 0.9)):
            index = (row * (640 // stride) + column) * 2 + anchor
            self.outputs[level][index] = score
            self.outputs[3 + level][index] = np.concatenate([centre - box[:2], box[2:] - centre]) / stride
            self.outputs[6 + level][index] = ((points - centre) / stride).reshape(-1)

    def get_inputs(self) -> list[Any]:
        return [SimpleNamespace(name="input.1")]

    def run(self, names: None, feeds: dict[str, Values]) -> list[Values]:
        self.inputs.append(feeds["input.1"])
        return self.outputs


BOX = np.array([200, 120, 300, 260], np.float32)
POINTS = np.array([[225, 170], [275, 180], [250, 200], [230, 230], [270, 236]], np.float32)


@pytest.mark.parametrize("stride", STRIDES)
def test_a_known_face_is_decoded(stride: int) -> None:
    scores, boxes, points = decode(OneFace(box=BOX, points=POINTS, stride=stride).outputs, min_score=0.5)
    np.testing.assert_allclose(scores, [0.7, 0.9])
    np.testing.assert_allclose(boxes, [BOX, BOX], rtol=1e-5)
    np.testing.assert_allclose(points, [POINTS, POINTS], rtol=1e-5)


def test_a_picture_of_any_size_gives_boxes_in_its_own_px(monkeypatch: pytest.MonkeyPatch) -> None:
    network = OneFace(box=BOX, points=POINTS)
    monkeypatch.setattr(detector, "_session", lambda: network)
    found = insightface(np.full((720, 1280, 3), (255, 0, 0), np.uint8))
    np.testing.assert_allclose(found.boxes, [2 * BOX], rtol=1e-5)
    np.testing.assert_allclose(found.keypoints[0, :3], 2 * POINTS[:3], rtol=1e-5)
    np.testing.assert_allclose(found.scores, [0.9])
    (picture,) = network.inputs
    assert picture.shape == (1, 3, 640, 640)
    np.testing.assert_allclose(picture[0, :, 100, 100], [127.5 / 128, -127.5 / 128, -127.5 / 128])
    np.testing.assert_allclose(picture[0, :, 400, 100], -127.5 / 128)  # below the picture


def test_nothing_likely_is_no_face(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(detector, "_session", lambda: OneFace(box=BOX, points=POINTS))
    found = insightface(np.zeros((64, 64, 3), np.uint8), min_score=0.95)
    assert len(found) == 0
    assert found.boxes.shape == (0, 4)
    assert found.keypoints.shape == (0, 6, 2)


def test_the_ears_lie_on_the_eyes_line_at_the_box_sides() -> None:
    right_ear, left_ear = six_keypoints(POINTS[None], BOX[None])[0, 4:]
    np.testing.assert_allclose(right_ear, [200, 165])
    np.testing.assert_allclose(left_ear, [300, 185])
    np.testing.assert_allclose(six_keypoints(POINTS[None], BOX[None])[0, 3], [250, 233])


@pytest.fixture
def no_weights(tmp_path: Path) -> Iterator[None]:
    before = weights.folders()
    weights.use_folders([], cache=tmp_path)
    detector._session.cache_clear()
    yield
    weights.use_folders(before[0], cache=before[1])


def test_missing_weights_are_named_with_their_licence(no_weights: None) -> None:
    with pytest.raises(WeightsError, match=r"non-commercial.*buffalo_l"):
        insightface(np.zeros((64, 64, 3), np.uint8))


def test_the_one_face_of_a_portrait(portrait: NDArray[np.uint8], caplog: pytest.LogCaptureFixture) -> None:
    try:
        weights.path("scrfd_10g")
    except WeightsError as error:
        pytest.skip(f"InsightFace's weights are needed: {error}")
    detector._session.cache_clear()
    found = insightface(portrait)
    assert "non-commercial" in caplog.text
    assert len(found) == 1
    assert np.linalg.norm((found.boxes[0, :2] + found.boxes[0, 2:]) / 2 - (222, 115)) < 25
