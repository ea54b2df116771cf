"""Face pictures: the face in the middle, the right frames, and no face said aloud."""

from pathlib import Path
from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest
from numpy.typing import NDArray

from curate.errors import MediaError
from evaluate.detection.face_pictures import FACE_SCALE, face_pictures
from evaluate.observation import Observation, Picture, find_face


def made_observation(*, confidence: list[float], every: int = 2, shrunk: int = 1) -> Observation:
    """A grey video whose face is a white square of 80 px that moves by 2 px a frame, and was `shrunk` when read."""
    left = 100 + 2 * np.arange(len(confidence), dtype=np.float32)
    boxes = np.stack([left, np.full_like(left, 60), left + 80, np.full_like(left, 140)], axis=1)
    pictures = tuple(Picture(index=i, image=painted(boxes[i] / shrunk, shrunk)) for i in range(0, len(boxes), every))
    return cast(
        Observation,
        SimpleNamespace(
            pictures=pictures,
            track=FakeTrack(first=0, boxes=boxes, confidence=np.asarray(confidence, np.float32)),
            analysis=SimpleNamespace(info=SimpleNamespace(width=400)),
        ),
    )


class FakeTrack(SimpleNamespace):
    def __len__(self) -> int:
        return len(self.boxes)


def painted(box: NDArray[np.float32], shrunk: int) -> NDArray[np.uint8]:
    image = np.full((300 // shrunk, 400 // shrunk, 3), 50, np.uint8)
    left, top, right, bottom = box.round().astype(int)
    image[top:bottom, left:right] = 250
    return image


@pytest.mark.parametrize("shrunk", [1, 2])
def test_the_square_is_the_face_and_a_twentieth_around_it(shrunk: int) -> None:
    squares = face_pictures(made_observation(confidence=[1.0] * 9, shrunk=shrunk), size_px=88, n=5)
    assert squares.shape == (5, 88, 88, 3)
    assert squares.dtype == np.uint8
    share = (squares[..., 0] > 150).mean(axis=(1, 2))
    assert share == pytest.approx(1 / FACE_SCALE**2, abs=0.05)
    assert (squares[:, 8:80, 8:80] > 200).all()


def test_pictures_are_spread_over_the_video_and_never_doubled() -> None:
    observation = made_observation(confidence=[1.0] * 21, every=1)
    wanted = [face_pictures(observation, size_px=32, n=n) for n in (3, 21, 50)]
    assert [len(squares) for squares in wanted] == [3, 21, 21]
    for place, index in enumerate((0, 10, 20)):
        assert np.array_equal(wanted[0][place], wanted[1][index])


def test_frames_without_the_face_are_left_out() -> None:
    assert len(face_pictures(made_observation(confidence=[1, 0, 0, 0, 1, 1]), size_px=32, n=9)) == 2
    with pytest.raises(MediaError) as raised:
        face_pictures(made_observation(confidence=[0.0] * 6), size_px=32, n=9)
    assert raised.value.reason == "no_face"


def test_the_face_of_a_video_is_in_the_middle(face_video: Path, face_weights: None) -> None:
    for square in face_pictures(Observation(media=face_video, max_frames=4), size_px=256, n=2):
        points = find_face(square)
        assert points is not None
        box = np.concatenate([points[:, :2].min(axis=0), points[:, :2].max(axis=0)])
        assert np.abs((box[:2] + box[2:]) / 2 - 128).max() < 15
        assert 0.85 < (box[3] - box[1]) * FACE_SCALE / 256 < 1.15
