"""ArcFace: the chip is insightface's, and without the weights the reader is told what they cost."""

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from curate import weights
from curate.errors import WeightsError
from curate.mesh import (
    LEFT_EYE_INNER,
    LEFT_EYE_OUTER,
    LEFT_MOUTH,
    NOSE_TIP,
    RIGHT_EYE_INNER,
    RIGHT_EYE_OUTER,
    RIGHT_MOUTH,
    five_points,
)
from evaluate.features import identity_arcface as feature
from evaluate.features.identity_arcface import TEMPLATE, face_chip, identity_arcface


def turned_face(angle_deg: float) -> NDArray[np.float32]:
    """A mesh (468, 3) whose five points lie on a tilted face in a picture of 200 px."""
    points = np.zeros((468, 3), np.float32)
    for index, place in (
        (RIGHT_EYE_OUTER, (-42, -20)), (RIGHT_EYE_INNER, (-18, -20)), (LEFT_EYE_INNER, (18, -20)),
        (LEFT_EYE_OUTER, (42, -20)), (NOSE_TIP, (0, 12)), (RIGHT_MOUTH, (-22, 40)), (LEFT_MOUTH, (22, 40)),
    ):  # fmt: skip
        points[index, :2] = place
    turn = np.radians(angle_deg)
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    points[:, :2] = points[:, :2] @ rotation.T + 100
    return points


@pytest.mark.parametrize("angle_deg", [0.0, 25.0, -40.0])
def test_the_chip_is_insightfaces(angle_deg: float) -> None:
    transform = pytest.importorskip("skimage.transform")
    picture = np.random.default_rng(0).integers(0, 255, (200, 200, 3)).astype(np.uint8)
    mesh = turned_face(angle_deg)
    # as insightface's norm_crop does it, which takes more packages to import than it is worth
    estimated = transform.SimilarityTransform.from_estimate(five_points(mesh), TEMPLATE)
    expected = cv2.warpAffine(picture, estimated.params[:2], (112, 112), borderValue=0.0).astype(int)
    assert np.abs(face_chip(picture, mesh) - expected).max() <= 1


class Recorder:
    """Stands for the network: keeps what it is given."""

    inputs: list[NDArray[np.float32]]

    def __init__(self) -> None:
        self.inputs = []

    def get_inputs(self) -> list[Any]:
        return [SimpleNamespace(name="input.1")]

    def run(self, names: None, feeds: dict[str, NDArray[np.float32]]) -> list[NDArray[np.float32]]:
        self.inputs.append(feeds["input.1"])
        return [np.arange(1, 513, dtype=np.float32)[None]]


def test_a_face_becomes_a_unit_vector_of_rgb_in_plus_minus_one(monkeypatch: pytest.MonkeyPatch) -> None:
    network = Recorder()
    monkeypatch.setattr(feature, "_session", lambda: network)
    picture = np.zeros((200, 200, 3), np.uint8)
    picture[..., 0] = 255
    face = SimpleNamespace(picture=SimpleNamespace(image=picture), points=turned_face(0.0))
    vectors = identity_arcface(SimpleNamespace(faces=(face, face)))  # type: ignore[arg-type]
    assert vectors.shape == (2, 512)
    assert np.linalg.norm(vectors[0]) == pytest.approx(1.0)
    assert network.inputs[0].shape == (1, 3, 112, 112)
    np.testing.assert_allclose(network.inputs[0][0, :, 56, 56], [1.0, -1.0, -1.0])


@pytest.fixture
def no_session() -> Iterator[None]:
    feature._session.cache_clear()
    yield
    feature._session.cache_clear()


def test_without_the_weights_the_licence_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, no_session: None
) -> None:
    monkeypatch.setattr(weights, "find", lambda name: None)
    face = SimpleNamespace(picture=SimpleNamespace(image=np.zeros((200, 200, 3), np.uint8)), points=turned_face(0.0))
    with pytest.raises(WeightsError, match="non-commercial research only"):
        identity_arcface(SimpleNamespace(faces=(face,)))  # type: ignore[arg-type]
