"""Sound block by block is the sound read at once, and is written as the same bytes."""

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from curate.errors import MediaError
from curate.media import Limits, audio_format, read_audio
from curate.media_writing import write_video
from curate.sound_stream import sound_blocks
from tests.conftest import pulsed_tone


def joined(media: Path, *, sample_rate_hz: int = 16_000, channels: int = 1) -> np.ndarray:
    return np.concatenate(list(sound_blocks(media, sample_rate_hz=sample_rate_hz, channels=channels)), axis=1)


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("name", ["singing_female_10s.wav", "speech_english_7s.wav"])
def test_blocks_are_the_whole(media_folder: Path, name: str, channels: int) -> None:
    file = media_folder / "audio" / name
    for rate_hz in (16_000, audio_format(file)[0], 44_100):
        whole = np.atleast_2d(read_audio(file, sample_rate_hz=rate_hz, channels=channels))
        assert np.array_equal(joined(file, sample_rate_hz=rate_hz, channels=channels), whole)


@pytest.mark.parametrize("name", ["emo_talk_kara.mp4", "mocha_headphones.avi", "vasa_3.mp4"])
def test_a_videos_sound_keeps_the_videos_clock(media_folder: Path, name: str) -> None:
    assert np.array_equal(joined(media_folder / name)[0], read_audio(media_folder / name))


def test_too_long_a_sound_stops_early(tmp_path: Path, moving_picture: Callable[..., list[np.ndarray]]) -> None:
    write_video(tmp_path / "a.mp4", moving_picture(75), audio=pulsed_tone(3.0))
    with pytest.raises(MediaError, match="beyond the limit of 2 s") as raised:
        list(sound_blocks(tmp_path / "a.mp4", limits=Limits(max_duration_s=2.0)))
    assert raised.value.reason == "too_long"


def test_a_video_of_blocks_is_that_of_the_whole_sound(
    tmp_path: Path, moving_picture: Callable[..., list[np.ndarray]]
) -> None:
    sound = np.stack([pulsed_tone(1.2), pulsed_tone(1.2, pulse_hz=2)])
    cuts = [0, 1, 700, 5000, 5001, 19_200]
    pieces = (sound[:, first:last] for first, last in pairwise(cuts))
    write_video(tmp_path / "whole.mp4", moving_picture(30), audio=sound)
    write_video(tmp_path / "blocks.mp4", moving_picture(30), audio=pieces)
    assert (tmp_path / "whole.mp4").read_bytes() == (tmp_path / "blocks.mp4").read_bytes()


def test_tags_are_in_the_file(tmp_path: Path, moving_picture: Callable[..., list[np.ndarray]]) -> None:
    write_video(tmp_path / "a.mp4", moving_picture(3), metadata={"comment": "made by hand"})
    assert b"made by hand" in (tmp_path / "a.mp4").read_bytes()
