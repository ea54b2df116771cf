"""Speech features: known answers, alignment with the frames, and independence of what lies outside."""

import numpy as np
import pytest
import torch

from train.speech_features import CONTEXT_FRAMES, MELS, SAMPLE_RATE_HZ, LogMel, sound_around


def tone(hz: float, seconds: float) -> np.ndarray:
    return np.sin(2 * np.pi * hz * np.arange(round(seconds * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ).astype(np.float32)


def rows_of(samples: np.ndarray, *, first: int = 0, n_frames: int = 20) -> torch.Tensor:
    log_mel = LogMel()
    heard = sound_around(samples, first_frame=first, n_frames=n_frames, margin_frames=log_mel.margin_frames)
    return log_mel(torch.from_numpy(heard)[None])[0]


def hops_of(samples: np.ndarray) -> torch.Tensor:
    return rows_of(samples)[:, CONTEXT_FRAMES].unflatten(-1, (-1, MELS)).flatten(0, 1)


def test_silence_is_the_floor_and_tenfold_amplitude_is_one_unit() -> None:
    assert torch.allclose(rows_of(np.zeros(1600, np.float32)), torch.tensor(-2.0))
    quiet, loud = (hops_of(a * tone(440, 0.5))[20].max() for a in (0.05, 0.5))
    assert loud - quiet == pytest.approx(1.0, abs=0.02)


def test_a_higher_tone_is_in_a_higher_band() -> None:
    bands = [int(hops_of(tone(hz, 0.3))[15].argmax()) for hz in (150, 400, 1000, 3000, 7000)]
    assert bands == sorted(set(bands))


def test_the_sound_of_a_frame_lies_in_its_own_row() -> None:
    samples = np.zeros(20 * 640, np.float32)
    samples[10 * 640 + 100 : 11 * 640 - 100] = tone(500, 440 / SAMPLE_RATE_HZ)
    rows = rows_of(samples)
    assert rows.shape == (20, 2 * CONTEXT_FRAMES + 1, LogMel.features)
    assert int(rows[:, CONTEXT_FRAMES].sum(-1).argmax()) == 10
    for offset in range(-CONTEXT_FRAMES, CONTEXT_FRAMES + 1):
        assert torch.equal(rows[10 - offset, CONTEXT_FRAMES + offset], rows[10, CONTEXT_FRAMES])


@pytest.mark.parametrize("length", [0, 1, 639, 12_801, 40_000])
def test_any_length_of_sound_fits_any_number_of_frames(length: int) -> None:
    rows = rows_of(np.ones(length, np.float32))
    assert rows.shape == (20, 5, LogMel.features)
    assert rows.isfinite().all()


def test_a_frames_features_are_the_same_in_any_window_that_holds_it() -> None:
    samples = np.random.default_rng(0).normal(0, 0.1, 30 * 640).astype(np.float32)
    whole = rows_of(samples, n_frames=30)
    assert torch.allclose(rows_of(samples, first=11, n_frames=7), whole[11:18], atol=1e-5)


def test_sound_beyond_the_ends_is_silence() -> None:
    samples = np.ones(1000, np.float32)
    heard = sound_around(samples, first_frame=0, n_frames=2, margin_frames=1)
    assert len(heard) == 4 * 640
    assert heard[640:1640].all()
    assert not heard[:640].any()
    assert not heard[1640:].any()
    assert not sound_around(samples, first_frame=90, n_frames=2, margin_frames=1).any()
