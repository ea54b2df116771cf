"""Sound shifted by a known time is found there."""

import numpy as np
import pytest
from numpy.typing import NDArray

from curate.clip_media import ClipMedia
from curate.scorers.sync_correlation import sync_correlation
from tests.curate.tracks_by_hand import made_track


def made(mouth: NDArray[np.float32], audio: NDArray[np.float32] | None) -> ClipMedia:
    n = len(mouth)
    media = ClipMedia(
        source=b"",
        track=made_track(n, mouth_aperture=mouth),
        faces_per_frame=np.ones(n, np.int16),
        camera_speed=np.zeros(n, np.float32),
        width=640,
        height=360,
    )
    media.__dict__["audio"] = audio  # what the cached property would have read
    return media


def babble(n_frames: int, late_frames: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """A mouth that opens with syllables of random loudness, and their noise, so many frames late."""
    generator = np.random.default_rng(3)
    loudness = np.convolve(generator.random(n_frames), np.ones(3) / 3, mode="same") ** 2
    noise = generator.standard_normal(n_frames * 640).astype(np.float32)
    return loudness.astype(np.float32), np.roll(np.repeat(loudness, 640), late_frames * 640).astype(np.float32) * noise


@pytest.mark.parametrize("late_frames", [-10, -3, 0, 4, 12])
def test_the_offset_is_the_lag(late_frames: int) -> None:
    mouth, audio = babble(150, late_frames)
    found = sync_correlation(made(mouth, audio))
    assert found["offset_s"] == pytest.approx(late_frames / 25)
    assert found["peak"] is not None
    assert found["peak"] > 0.6
    assert found["off"] is not None
    assert (found["off"] > 0.3) == (abs(late_frames) > 5)


def test_nothing_to_measure_is_none_not_a_number() -> None:
    mouth, audio = babble(150, 0)
    for case in (made(mouth, None), made(mouth, np.zeros_like(audio)), made(mouth[:40], audio[: 40 * 640])):
        assert sync_correlation(case) == {"peak": None, "offset_s": None, "off": None}


def test_a_still_mouth_correlates_with_nothing() -> None:
    _, audio = babble(150, 0)
    assert sync_correlation(made(np.zeros(150, np.float32), audio))["peak"] == 0.0
