"""Scorers on clips whose numbers are known by construction."""

import numpy as np
import pytest
from numpy.typing import NDArray

from curate.camera import CameraMotion
from curate.clip_media import ClipMedia
from curate.scorers.camera_stillness import camera_stillness
from curate.scorers.clipping import clipping
from curate.scorers.face_completeness import face_completeness
from curate.scorers.loudness import loudness
from curate.scorers.luminance import luminance
from curate.scorers.mouth_in_silence import mouth_in_silence
from curate.scorers.snr import snr
from curate.speech import CHUNK
from tests.curate.tracks_by_hand import made_track

RATE_HZ = 16_000


def heard(
    audio: NDArray[np.float32] | None, speech: NDArray[np.bool_] | None = None, *, n_frames: int = 100, **series: object
) -> ClipMedia:
    """A clip with this sound, of which `speech` says which 32 ms are speech (as if Silero had said so)."""
    media = ClipMedia(
        source=b"",
        track=made_track(n_frames, **series),
        faces_per_frame=np.ones(n_frames, np.int16),
        camera_speed=np.full(n_frames, np.nan, np.float32),
        width=640,
        height=360,
    )
    probabilities = None if audio is None or speech is None else np.where(speech, 0.99, 0.01).astype(np.float32)
    vars(media).update(audio=audio, speech=probabilities)  # cached properties, here known already
    return media


def talk_and_pause(talk: float, pause: float) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Four seconds: noise of the given strengths in turns of 0.5 s; and where it is talk."""
    speech = np.arange(4 * RATE_HZ // CHUNK) // 16 % 2 == 0
    strength = np.repeat(np.where(speech, talk, pause), CHUNK)
    return (np.random.default_rng(0).normal(size=len(strength)) * strength).astype(np.float32), speech


def test_snr_of_known_levels() -> None:
    audio, speech = talk_and_pause(np.sqrt(0.01 + 0.0001), 0.01)  # speech of power 0.01 over noise of 0.0001
    assert snr(heard(audio, speech)) == pytest.approx(20.0, abs=0.5)
    assert snr(heard(audio, np.ones_like(speech))) is None, "no pause to measure the noise in"
    assert snr(heard(None)) is None


def test_loudness_is_of_the_speech() -> None:
    audio, speech = talk_and_pause(0.1, 0.001)
    assert loudness(heard(audio, speech)) == pytest.approx(-20.0, abs=0.2)
    assert loudness(heard(audio * 2, speech)) == pytest.approx(-14.0, abs=0.2)
    assert loudness(heard(np.zeros_like(audio), ~speech)) is None


def test_clipping_counts_flat_tops_and_no_lone_peaks() -> None:
    tone = np.sin(2 * np.pi * 200 * np.arange(RATE_HZ) / RATE_HZ).astype(np.float32)
    assert clipping(heard(0.9 * tone)) == 0.0
    cut = np.clip(2 * tone, -1, 1)
    assert clipping(heard(cut)) == pytest.approx(np.mean(np.abs(2 * tone) >= 0.985), abs=0.01)
    lone = np.zeros(RATE_HZ, np.float32)
    lone[::100] = 1.0
    assert clipping(heard(lone)) == 0.0


def test_a_mouth_that_rests_in_silence_and_one_that_does_not() -> None:
    audio, speech = talk_and_pause(0.1, 0.0)
    speech = np.arange(len(speech)) < len(speech) // 2  # two seconds of speech, then silence
    moving = np.abs(np.sin(np.arange(100))).astype(np.float32) * 0.2
    resting = np.where(np.arange(100) < 50, moving, 0.01).astype(np.float32)
    assert mouth_in_silence(heard(audio, speech, mouth_aperture=resting)) == pytest.approx(0.0, abs=0.02)
    assert mouth_in_silence(heard(audio, speech, mouth_aperture=moving)) == pytest.approx(1.0, abs=0.1)
    assert mouth_in_silence(heard(audio, np.ones_like(speech), mouth_aperture=moving)) is None


def test_luminance_and_completeness() -> None:
    assert luminance(heard(None, luminance=np.linspace(0, 200, 100, dtype=np.float32))) == pytest.approx(100.0)
    inside = np.ones(100, np.float32)
    inside[:10] = 0.5  # a tenth of the time, half of the face is outside
    assert face_completeness(heard(None, completeness=inside)) == pytest.approx(0.5)


def scene(shift_px: float) -> NDArray[np.uint8]:
    """A (144, 256, 3) window of a textured world, moved to the right."""
    y, x = np.mgrid[0:144, 0:256].astype(np.float64)
    x = x - shift_px
    value = 128 + 50 * np.sin(x / 9 + y / 17) + 40 * np.cos(y / 7 - x / 23)
    return np.repeat(value[..., None], 3, axis=2).astype(np.uint8)


@pytest.mark.parametrize("percent_a_second", [0.0, 4.0, 10.0])
def test_camera_speed_is_that_of_the_background(percent_a_second: float) -> None:
    camera = CameraMotion(fps=25)
    for index in range(50):
        camera.feed(index, scene(percent_a_second / 100 * 256 * index / 25), np.zeros((0, 4), np.float32))
    speeds = camera.speeds(50)
    assert np.isnan(speeds[:5]).all(), "nothing to compare the first picture with"
    assert np.nanmedian(speeds) == pytest.approx(percent_a_second, abs=0.5)
    media = heard(None, n_frames=50)
    object.__setattr__(media, "camera_speed", speeds)
    assert camera_stillness(media) == pytest.approx(1 / (1 + percent_a_second / 10), abs=0.03)


def test_where_people_fill_the_picture_the_camera_is_not_told() -> None:
    camera = CameraMotion(fps=25)
    for index in range(20):
        camera.feed(index, scene(index), np.array([[60, 20, 190, 140]], np.float32))
    assert np.isnan(camera.speeds(20)).all()
    assert camera_stillness(heard(None)) is None
