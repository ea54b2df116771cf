"""Whose face a sampled frame shows: found at a tiny model's size, filling the picture, and not where there is none."""

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from train.face_identity import face_identity

pytestmark = pytest.mark.usefixtures("face_weights")
FACE = (slice(70, 170), slice(170, 270))  # rows and columns of the portrait's face alone


def shrunk(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.asarray(cv2.resize(picture, (64, 64), interpolation=cv2.INTER_AREA), np.uint8)


@pytest.mark.parametrize("rows", [slice(0, 320), FACE[0]])
def test_the_same_person_is_found_small_and_filling_the_picture(portrait: NDArray[np.uint8], rows: slice) -> None:
    columns = slice(60, 380) if rows.start == 0 else FACE[1]
    whole, found = face_identity(portrait[:400, 20:420]), face_identity(shrunk(portrait[rows, columns]))
    assert whole is not None
    assert found is not None
    assert whole @ found > 0.9


def test_no_face_is_none(portrait: NDArray[np.uint8]) -> None:
    assert face_identity(shrunk(portrait[380:, :130])) is None
    assert face_identity(np.zeros((64, 64, 3), np.uint8)) is None
