"""MFCC equal python_speech_features' defaults, which SyncNet and LR-ASD were trained on."""

import numpy as np
import pytest

from curate.mfcc import mfcc

INT16 = 32768


def test_the_published_vector() -> None:
    tone = (10_000 * np.sin(2 * np.pi * 440 * np.arange(16_000) / 16_000)).astype(np.int16)
    found = mfcc((tone / INT16).astype(np.float32))
    assert found.shape == (99, 13)
    np.testing.assert_allclose(found[0, :4], [19.507425, 18.807603, 1.712444, -14.18968], atol=1e-5)
    assert found.sum(dtype=np.float64) == pytest.approx(793.744989, abs=1e-3)


@pytest.mark.parametrize("n_samples", [16_000, 16_001, 4_321, 400, 399, 17])
def test_equal_to_python_speech_features(n_samples: int) -> None:
    oracle = pytest.importorskip("python_speech_features")
    noise = np.random.default_rng(n_samples).normal(0, 0.3, n_samples).clip(-1, 1).astype(np.float32)
    expected = oracle.mfcc(np.clip(np.rint(noise * INT16), -INT16, INT16 - 1).astype(np.int16), 16_000)
    np.testing.assert_allclose(mfcc(noise), expected, rtol=1e-5, atol=1e-4)


def test_silence_is_finite() -> None:
    found = mfcc(np.zeros(1_600, np.float32))
    assert np.isfinite(found).all()
    assert (found == found[0]).all()


def test_float_samples_would_change_the_energy_alone() -> None:
    """The int16 scale, which others forget, moves the first coefficient by 2 ln 32768 and nothing else."""
    oracle = pytest.importorskip("python_speech_features")
    noise = (np.random.default_rng(0).integers(-9_000, 9_000, 8_000) / INT16).astype(np.float32)
    difference = mfcc(noise) - oracle.mfcc(noise, 16_000)
    np.testing.assert_allclose(difference[:, 0], 2 * np.log(INT16), atol=1e-3)
    np.testing.assert_allclose(difference[:, 1:], 0, atol=1e-3)
