"""Distances on real clips grow with what is done to the pictures, and stand out from the floor."""

from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from curate import plugins, weights
from curate.errors import WeightsError
from evaluate.distances import frechet_distance
from evaluate.gaussians import gaussian
from evaluate.observation import Observation, Picture, choose_pictures

REAL = ("aoc_hdtf", "senator_office", "studio_man_blue", "phone_woman", "kitchen_man_1080p", "vasa_3")
FRAMES = 6  # a clip

Change = Callable[[NDArray[np.uint8]], NDArray[np.uint8]]


@cache
def pictures(folder: Path) -> tuple[tuple[Picture, ...], ...]:
    return tuple(choose_pictures(folder / f"{name}.mp4", max_frames=FRAMES) for name in REAL)


def features(clips: Sequence[Sequence[Picture]], change: Change) -> NDArray[np.float32]:
    """Frame features of all clips, every picture changed."""
    feature = plugins.load("evaluate.features", "fd_efficientnet_lite0")
    rows = []
    for clip in clips:
        observation = Observation(media=b"", max_frames=FRAMES)
        observation.pictures = tuple(Picture(index=p.index, image=change(p.image)) for p in clip)
        rows.append(feature(observation))
    return np.concatenate(rows)


def blurred(sigma: float) -> Change:
    return lambda image: np.asarray(cv2.GaussianBlur(image, (0, 0), sigma), np.uint8)


def noisy(sigma: float) -> Change:
    def change(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        noise = np.random.default_rng(0).normal(0, sigma, image.shape)
        return np.asarray(np.clip(image + noise, 0, 255), np.uint8)

    return change


@pytest.mark.parametrize("changes", [[blurred(s) for s in (1, 2, 4, 8)], [noisy(s) for s in (5, 15, 30, 60)]])
def test_frame_distance_grows_with_blur_and_noise(changes: list[Change], media_folder: Path) -> None:
    try:
        weights.path("efficientnet_lite0")
    except WeightsError as error:
        pytest.skip(str(error))
    clips = pictures(media_folder)
    clean = gaussian(features(clips, lambda image: image))
    distances = [frechet_distance(clean, gaussian(features(clips, change))) for change in changes]
    assert distances == sorted(distances)
    assert distances[0] > 0
    assert distances[-1] > 2 * distances[0]
