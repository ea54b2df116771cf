"""Speech features: known answers, alignment with the frames, and independence of what lies outside."""

import numpy as np
import pytest
import torch

from train.speech_features import (
    CONTEXT_FRAMES,
    MELS,
    SAMPLE_RATE_HZ,
    features_per_frame,
    frame_features,
    hops_per_frame,
    log_mel,
)


def tone(hz: float, seconds: float) -> np.ndarray:
    return np.sin(2 * np.pi * hz * np.arange(round(seconds * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ).astype(np.float32)


def test_silence_is_the_floor_and_tenfold_amplitude_is_one_unit() -> None:
    assert torch.allclose(log_mel(np.zeros(1600, np.float32)), torch.tensor(-2.0))
    quiet, loud = (log_mel(a * tone(440, 0.5))[20].max() for a in (0.05, 0.5))
    assert loud - quiet == pytest.approx(1.0, abs=0.02)


def test_a_higher_tone_is_in_a_higher_band() -> None:
    bands = [int(log_mel(tone(hz, 0.3))[15].argmax()) for hz in (150, 400, 1000, 3000, 7000)]
    assert bands == sorted(set(bands))


def test_the_sound_of_a_frame_lies_in_its_own_row() -> None:
    samples = np.zeros(20 * 640, np.float32)
    samples[10 * 640 + 100 : 11 * 640 - 100] = tone(500, 440 / SAMPLE_RATE_HZ)
    rows = frame_features(samples, n_frames=20, fps=25)
    assert rows.shape == (20, 2 * CONTEXT_FRAMES + 1, features_per_frame(25))
    assert int(rows[:, CONTEXT_FRAMES].sum(-1).argmax()) == 10
    for offset in range(-CONTEXT_FRAMES, CONTEXT_FRAMES + 1):
        assert torch.equal(rows[10 - offset, CONTEXT_FRAMES + offset], rows[10, CONTEXT_FRAMES])


@pytest.mark.parametrize("length", [0, 1, 639, 12_801, 40_000])
def test_any_length_of_sound_fits_any_number_of_frames(length: int) -> None:
    rows = frame_features(np.ones(length, np.float32), n_frames=20, fps=25)
    assert rows.shape == (20, 5, hops_per_frame(25) * MELS)
    assert rows.isfinite().all()


def test_a_frame_rate_that_splits_a_hop_is_refused() -> None:
    with pytest.raises(ValueError, match="30 fps"):
        hops_per_frame(30)
