"""Trivial features have the values that a made video was given."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import signal

from curate import text_detection, weights
from curate.errors import MediaError, WeightsError
from curate.media_writing import write_video
from evaluate.detection.trivial_features import (
    CATEGORIES,
    audio_bandwidth_hz,
    blockiness,
    leading_silence_s,
    still_corner,
    trivial_features,
)

Moving = Callable[..., list[NDArray[np.uint8]]]


@pytest.fixture
def text_weights() -> None:
    """Skip where the text detector is not on this machine."""
    try:
        weights.path(text_detection.WEIGHTS)
    except WeightsError as error:
        pytest.skip(str(error))


def _noise(shape: tuple[int, ...], scale: float = 20.0) -> NDArray[np.float32]:
    return (128 + scale * np.random.default_rng(0).normal(size=shape)).astype(np.float32)


def test_noise_has_no_blocks_and_squares_of_eight_px_have() -> None:
    assert blockiness(_noise((4, 128, 128))) == pytest.approx(1.0, abs=0.05)
    squares = np.kron(_noise((4, 16, 16)), np.ones((1, 8, 8), np.float32))
    assert blockiness(squares) > 100
    assert np.isnan(blockiness(_noise((1, 6, 6))))


@pytest.mark.parametrize("corner", [(0, 0), (0, -32), (-32, 0), (-32, -32)])
def test_a_still_picture_in_any_corner_shows_and_what_moves_or_is_flat_does_not(corner: tuple[int, int]) -> None:
    moving = _noise((8, 192, 192))
    assert still_corner(moving) == 0.0
    inset = moving.copy()
    rows, columns = (slice(at, at + 32 or None) for at in corner)
    inset[:, rows, columns] = _noise((32, 32))
    assert still_corner(inset) > 20
    assert still_corner(np.full((8, 192, 192), 90, np.float32)) == 0.0
    assert np.isnan(still_corner(moving[:1]))


def test_bandwidth_is_where_the_sound_once_ended_whatever_the_rate_is_now() -> None:
    once = np.random.default_rng(0).normal(0, 0.1, 16_000).astype(np.float32)
    now = np.asarray(signal.resample(once, 44_100), np.float32)
    full = np.random.default_rng(0).normal(0, 0.1, 44_100).astype(np.float32)
    assert audio_bandwidth_hz(once, 16_000) == pytest.approx(8_000, abs=50)
    assert audio_bandwidth_hz(now, 44_100) < 9_000
    assert audio_bandwidth_hz(full, 44_100) == pytest.approx(22_050, abs=100)
    assert np.isnan(audio_bandwidth_hz(np.zeros(16_000, np.float32), 16_000))


def test_leading_silence_is_counted_to_the_first_sound() -> None:
    tone = np.sin(2 * np.pi * 220 * np.arange(16_000) / 16_000).astype(np.float32)
    assert leading_silence_s(tone, 16_000) == 0.0
    assert leading_silence_s(np.concatenate([np.zeros(8_000, np.float32), tone]), 16_000) == pytest.approx(0.5)
    assert np.isnan(leading_silence_s(np.zeros(16_000, np.float32), 16_000))


def test_a_written_video_has_what_it_was_written_with(
    tmp_path: Path, moving_picture: Moving, text_weights: None
) -> None:
    tone = (0.1 * np.sin(2 * np.pi * 220 * np.arange(48_000) / 16_000)).astype(np.float32)
    frames = [np.pad(frame, ((16, 16), (0, 0), (0, 0))) for frame in moving_picture(75)]
    write_video(tmp_path / "made.mp4", frames, audio=tone)
    found = trivial_features(tmp_path / "made.mp4")
    assert (found["video_codec"], found["audio_codec"]) == ("h264", "aac")
    assert (found["width"], found["height"], found["fps"], found["gop_frames"]) == (128, 128, 25, 25)
    assert (found["audio_rate_hz"], found["audio_channels"], found["full_range"]) == (16_000, 1, 0)
    assert found["duration_s"] == pytest.approx(3.0, abs=0.05)
    assert found["loudness_db"] == pytest.approx(-23.0, abs=0.3)
    assert found["dark_border"] == pytest.approx(32 / 128, abs=0.03)
    assert found["bit_rate"] == pytest.approx(float(found["bits_per_pixel"]) * 128 * 128 * 25)


def test_loudness_does_not_fall_with_length(tmp_path: Path, moving_picture: Moving, text_weights: None) -> None:
    """Short sound once counted as if silence followed to the end of the span that is listened to."""
    levels = []
    for seconds in (2, 6):
        tone = (0.1 * np.sin(2 * np.pi * 220 * np.arange(16_000 * seconds) / 16_000)).astype(np.float32)
        write_video(tmp_path / f"{seconds}.mp4", moving_picture(25 * seconds, height=64, width=64), audio=tone)
        levels.append(trivial_features(tmp_path / f"{seconds}.mp4")["loudness_db"])
    assert levels[0] == pytest.approx(levels[1], abs=0.2)


def test_without_sound_its_numbers_are_missing_and_no_number_is_a_word(
    tmp_path: Path, moving_picture: Moving, text_weights: None
) -> None:
    write_video(tmp_path / "mute.mp4", moving_picture(30))
    found = trivial_features((tmp_path / "mute.mp4").read_bytes())
    assert found["audio_codec"] == "none"
    assert all(np.isnan(float(found[name])) for name in ("loudness_db", "audio_bandwidth_hz", "leading_silence_s"))
    assert {name for name, value in found.items() if isinstance(value, str)} == set(CATEGORIES)


def test_what_is_no_video_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text.mp4").write_bytes(b"no video at all" * 100)
    with pytest.raises(MediaError):
        trivial_features(tmp_path / "text.mp4")
