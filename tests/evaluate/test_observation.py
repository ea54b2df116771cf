"""Frames are chosen by a rule that needs no length, and faces are those of the longest track."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from curate.errors import MediaError
from curate.media_writing import write_video
from evaluate.observation import Observation, choose_pictures, find_face
from tests.conftest import pan

Frames = Callable[..., list[NDArray[np.uint8]]]


@pytest.mark.parametrize(("n", "stride"), [(2, 1), (32, 1), (33, 2), (64, 2), (65, 4), (130, 8)])
def test_every_power_of_two_th_frame_that_leaves_at_most_32(
    n: int, stride: int, tmp_path: Path, moving_picture: Frames
) -> None:
    write_video(tmp_path / "clip.mp4", moving_picture(n))
    chosen = [picture.index for picture in choose_pictures(tmp_path / "clip.mp4", max_frames=32)]
    assert chosen == list(range(0, n, stride))


def test_faces_are_found_on_the_chosen_frames(face_video: Path, face_weights: None) -> None:
    observation = Observation(media=face_video, max_frames=8)
    assert len(observation.faces) == len(observation.pictures) == 7
    assert all(face.points.shape == (468, 3) for face in observation.faces)


def test_the_face_near_the_track_is_taken_not_the_surest(portrait: NDArray[np.uint8], face_weights: None) -> None:
    two = np.concatenate([portrait[:400, 60:460], portrait[:400, 60:460]], axis=1)
    left, right = (find_face(two, near=np.array([x, 115.0], np.float32)) for x in (160.0, 560.0))
    assert left is not None
    assert right is not None
    assert right[1, 0] - left[1, 0] == pytest.approx(400, abs=10)


def test_a_video_without_a_face_has_pictures_and_says_why_no_face(tmp_path: Path, face_weights: None) -> None:
    write_video(tmp_path / "grey.mp4", pan(np.full((512, 512, 3), 90, np.uint8), 30))
    observation = Observation(media=tmp_path / "grey.mp4", max_frames=4)
    assert len(observation.pictures) == 4
    with pytest.raises(MediaError) as raised:
        _ = observation.faces
    assert raised.value.reason == "no_face"
