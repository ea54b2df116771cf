"""Meso-4 and MesoInception-4 on a video: the face is what they see."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from curate import weights
from curate.errors import MediaError, WeightsError
from curate.media_writing import write_video
from evaluate.detectors import meso4 as meso4_file
from evaluate.detectors import mesoinception4 as mesoinception4_file
from evaluate.observation import Observation

DETECTORS = {
    "meso4": (meso4_file.meso4, meso4_file.WEIGHTS),
    "mesoinception4": (mesoinception4_file.mesoinception4, mesoinception4_file.WEIGHTS),
}


@pytest.fixture(params=DETECTORS)
def detector(request: pytest.FixtureRequest) -> Callable[[Observation], float]:
    """One of the two, or a skip where its weights are not on this machine."""
    found, needed = DETECTORS[request.param]
    try:
        for name in needed:
            weights.path(name)
    except WeightsError as error:
        pytest.skip(str(error))
    pytest.importorskip("h5py")
    return found


def test_a_face_before_a_camera_is_called_real(detector: Callable[[Observation], float], media_folder: Path) -> None:
    observation = Observation(media=media_folder / "radio_clip_2s.mp4", max_frames=8)
    answer = detector(observation)
    assert 0 < answer < 0.1
    assert detector(observation) == answer


def test_what_is_not_the_face_is_no_matter(
    detector: Callable[[Observation], float], portrait: NDArray[np.uint8], tmp_path: Path
) -> None:
    """A caption in a corner, which is how some generators' clips could be told, is not in the picture."""
    captioned = portrait[:384, 40:424].copy()
    captioned[300:, 280:] = 0
    answers = []
    for name, picture in (("plain", portrait[:384, 40:424]), ("captioned", captioned)):
        write_video(tmp_path / f"{name}.mp4", [picture] * 30, crf=1)
        answers.append(detector(Observation(media=tmp_path / f"{name}.mp4", max_frames=1)))
    assert answers[0] == pytest.approx(answers[1], abs=0.01)


def test_without_a_face_it_has_no_answer(detector: Callable[[Observation], float], tmp_path: Path) -> None:
    write_video(tmp_path / "grey.mp4", [np.full((96, 128, 3), 90, np.uint8)] * 30)
    with pytest.raises(MediaError) as raised:
        detector(Observation(media=tmp_path / "grey.mp4", max_frames=1))
    assert raised.value.reason == "no_face"
