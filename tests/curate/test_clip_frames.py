"""Some frames of a clip are those of the whole, to the bit, however few are decoded."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from curate.clip_frames import frames_at
from curate.errors import MediaError
from curate.media import read_frames
from curate.media_writing import write_video

N_FRAMES = 83


@pytest.fixture(scope="module")
def mp4(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Noise that moves unevenly, so that pictures refer to one another in many ways."""
    random = np.random.default_rng(0)
    ground = random.integers(0, 255, (64, 600, 3)).astype(np.uint8)
    lefts = np.cumsum(random.integers(0, 6, N_FRAMES))
    path = tmp_path_factory.mktemp("mp4") / "clip.mp4"
    write_video(path, [ground[:, left : left + 96] for left in lefts])
    return path.read_bytes()


@pytest.fixture(scope="module")
def whole(mp4: bytes) -> list[NDArray[np.uint8]]:
    return [frame.image for frame in read_frames(mp4)]


@settings(max_examples=150, deadline=None)
@given(wanted=st.lists(st.integers(0, N_FRAMES - 1), min_size=1, max_size=30))
def test_frames_are_those_of_the_whole(mp4: bytes, whole: list[NDArray[np.uint8]], wanted: list[int]) -> None:
    found = list(frames_at(mp4, wanted))
    assert [frame.index for frame in found] == sorted(set(wanted))
    assert all(np.array_equal(frame.image, whole[frame.index]) for frame in found)


def test_frames_of_a_real_clip_are_those_of_the_whole(media_folder: Path, tmp_path: Path) -> None:
    write_video(tmp_path / "clip.mp4", (f.image for f in read_frames(media_folder / "senator_office.mp4", end_s=3.0)))
    mp4 = (tmp_path / "clip.mp4").read_bytes()
    whole = [frame.image for frame in read_frames(mp4)]
    for start in (0, 9, 20, 44, 59):
        found = list(frames_at(mp4, [*range(start, start + 16), (start * 7) % 75]))
        assert len(found) >= 16
        assert all(np.array_equal(frame.image, whole[frame.index]) for frame in found)


@pytest.mark.parametrize("wanted", [[N_FRAMES], [0, 500], [-1]])
def test_a_frame_that_is_not_there_is_a_media_error(mp4: bytes, wanted: list[int]) -> None:
    with pytest.raises(MediaError, match=f"{N_FRAMES} frames"):
        list(frames_at(mp4, wanted))


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_damage_is_a_media_error_or_gives_as_many_frames(mp4: bytes, data: st.DataObject) -> None:
    broken = bytearray(mp4)
    for _ in range(data.draw(st.integers(1, 20))):
        broken[data.draw(st.integers(0, len(mp4) - 1))] = data.draw(st.integers(0, 255))
    try:
        found = list(frames_at(bytes(broken), range(20, 36)))
    except MediaError:
        return
    assert [frame.index for frame in found] == list(range(20, 36))


def test_pictures_overwritten_with_zeros_are_a_media_error(mp4: bytes) -> None:
    begin = mp4.index(b"mdat") + 4
    with pytest.raises(MediaError) as raised:
        list(frames_at(mp4[:begin] + bytes(len(mp4) - begin), [30]))
    assert raised.value.reason == "damaged"
