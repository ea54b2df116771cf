"""How a face's detail is spread over frequencies, which upsampling inside a generator leaves unlike a camera's."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from evaluate.detection.classifiers import fit_logistic
from evaluate.detection.detector import Model, Values
from evaluate.detection.face_pictures import face_pictures
from evaluate.observation import FACE_WEIGHTS, Observation

WEIGHTS = FACE_WEIGHTS
READS = ("picture",)
SIZE_PX, N_PICTURES = 224, 16  # 224 px: about a face's own size in a matched clip, so that little is resampled
BAND_PX = 2  # radii of the spectrum to a band: 56 bands
ROUNDING = 1 / 12  # power of rounding to whole grey levels: nothing under it is of the picture
C = 0.1  # 56 bands that go together, and few clips: a strong penalty


def spectrum(observation: Observation, *, model: Model) -> float:
    """Probability of synthetic by the azimuthally averaged power spectrum of the face and logistic regression.

    After Durall et al. 2020, "Watch your up-convolution". What it learns is partly the codec's and the camera's doing:
    believe it on matched clips only.
    """
    return model(observe(observation))


def observe(observation: Observation) -> Values:
    """(56,) log10 power by frequency, from slow to half a cycle a pixel, less its mean; the mean over the pictures."""
    squares = face_pictures(observation, size_px=SIZE_PX, n=N_PICTURES)
    profiles = np.stack([profile(cv2.cvtColor(square, cv2.COLOR_RGB2GRAY)) for square in squares])
    return np.asarray(profiles.mean(axis=0), np.float32)


def fit(observations: Sequence[Values], is_fake: NDArray[np.bool_], seed: int) -> Model:
    """Fit the regression, which nothing random enters; Abstention with under 3 of either class."""
    return fit_logistic(observations, is_fake, c=C)


def profile(grey: NDArray[np.uint8]) -> Values:
    """Log10 power of a square picture by bands of radius, (side / 2 / BAND_PX,), less its mean: contrast is no matter.

    A Hann window keeps the picture's edges from showing.
    """
    bands, window = _bands(len(grey)), _window(len(grey))
    values = grey.astype(np.float64)
    power = np.abs(np.fft.fft2((values - values.mean()) * window)) ** 2 / np.sum(window**2)
    inside = bands >= 0
    mean = np.bincount(bands[inside], power[inside]) / np.bincount(bands[inside])
    levels = np.log10(mean + ROUNDING)
    return np.asarray(levels - levels.mean(), np.float32)


@cache
def _window(side: int) -> NDArray[np.float64]:
    row = np.hanning(side + 1)[:-1]
    return np.outer(row, row)


@cache
def _bands(side: int) -> NDArray[np.int64]:
    """(side, side) band of each coefficient by its radius; -1 for the mean and the corners."""
    cycles = np.fft.fftfreq(side) * side
    radius = np.hypot(cycles[:, None], cycles[None, :]).round().astype(np.int64)
    return np.where((radius > 0) & (radius <= side // 2), (radius - 1) // BAND_PX, -1)
