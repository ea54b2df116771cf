"""Spectrum: gratings and noise have the profiles that they must have, and upsampling is found."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from evaluate.detectors.spectrum import fit, observe, profile, spectrum
from evaluate.observation import Observation

SIDE = 64


def noise(seed: int, *, side: int = SIDE) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).normal(128, 25, (side, side)).clip(0, 255).astype(np.uint8)


def upsampled(seed: int) -> NDArray[np.uint8]:
    picture = cv2.resize(noise(seed, side=SIDE // 2), (SIDE, SIDE), interpolation=cv2.INTER_LINEAR)
    return np.asarray(picture, np.uint8)


@pytest.mark.parametrize("cycles", [5, 17, 31])
def test_a_grating_is_in_the_band_of_its_frequency_whichever_way_it_lies(cycles: int) -> None:
    wave = 128 + 100 * np.sin(2 * np.pi * cycles * np.arange(SIDE) / SIDE)
    lying = np.tile(wave.round().astype(np.uint8)[:, None], (1, SIDE))
    found = profile(lying)
    assert found.shape == (SIDE // 4,)
    assert int(np.argmax(found)) == (cycles - 1) // 2
    assert profile(lying.T) == pytest.approx(found, abs=1e-5)


def test_noise_is_flat_and_contrast_is_no_matter() -> None:
    mean = np.mean([profile(noise(seed)) for seed in range(30)], axis=0)
    assert np.abs(mean[1:]).max() < 0.1
    picture = noise(0) // 2
    assert profile(picture * 2 + 1) == pytest.approx(profile(picture), abs=0.01)


def test_a_flat_picture_has_a_flat_profile() -> None:
    assert profile(np.full((SIDE, SIDE), 77, np.uint8)) == pytest.approx(0)


def test_upsampling_is_learnt_and_found_in_pictures_not_seen_before() -> None:
    seen = [profile(noise(seed)) for seed in range(5)] + [profile(upsampled(seed)) for seed in range(5)]
    model = fit(seen, np.arange(10) >= 5, 0)
    answers = [(model(profile(noise(seed))), model(profile(upsampled(seed)))) for seed in range(10, 20)]
    assert max(real for real, _ in answers) < 0.3 < 0.7 < min(fake for _, fake in answers)


def test_a_video_gives_56_numbers_that_the_model_is_asked_with(face_video: Path, face_weights: None) -> None:
    observation = Observation(media=face_video, max_frames=4)
    values = observe(observation)
    assert values.shape == (56,)
    assert values.dtype == np.float32
    assert values[:10].mean() > values[-10:].mean() + 1  # pictures of the world fall off with frequency
    assert spectrum(observation, model=lambda asked: float(np.array_equal(asked, values))) == 1.0
