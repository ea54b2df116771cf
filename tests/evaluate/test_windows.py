"""Windows are whole, consecutive, spread over the video, and never held all at once."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from curate.errors import MediaError
from curate.media_writing import write_video
from evaluate.observation import Observation, Picture
from evaluate.windows import windows

Frames = Callable[..., list[NDArray[np.uint8]]]


@pytest.fixture
def observation(tmp_path: Path, moving_picture: Frames, monkeypatch: pytest.MonkeyPatch) -> Observation:
    """41 frames whose pictures are their index."""
    write_video(tmp_path / "clip.mp4", moving_picture(41))
    frames = Observation.frames

    def numbered(self: Observation) -> Iterator[Picture]:
        return (Picture(index=p.index, image=np.full((2, 2, 3), p.index, np.uint8)) for p in frames(self))

    monkeypatch.setattr(Observation, "frames", numbered)
    return Observation(media=tmp_path / "clip.mp4", max_frames=8)


def index_of(image: NDArray[np.uint8]) -> int:
    return int(image[0, 0, 0])


@pytest.mark.parametrize(
    ("n_frames", "max_windows", "starts"),
    [(10, 9, [0, 10, 20, 30]), (10, 2, [0, 20]), (10, 3, [0, 10, 20]), (10, 1, [0]), (41, 5, [0]), (1, 41, range(41))],
)
def test_windows_are_consecutive_and_spread(
    observation: Observation, n_frames: int, max_windows: int, starts: list[int]
) -> None:
    found = list(windows(observation, n_frames=n_frames, max_windows=max_windows, prepare=index_of))
    assert found == [list(range(start, start + n_frames)) for start in starts]


def test_a_video_shorter_than_a_window_says_so(observation: Observation) -> None:
    with pytest.raises(MediaError) as raised:
        next(windows(observation, n_frames=42, max_windows=1, prepare=index_of))
    assert raised.value.reason == "too_short"


def test_frames_are_prepared_as_they_are_asked_for(observation: Observation) -> None:
    prepared = list[int]()

    def prepare(image: NDArray[np.uint8]) -> int:
        prepared.append(index_of(image))
        return prepared[-1]

    next(windows(observation, n_frames=10, max_windows=4, prepare=prepare))
    assert prepared == list(range(10))
