"""Adds noise to the brightness of the pictures, as a sensor in poor light does."""

import zlib
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from evaluate.detection.detector import Medium
from evaluate.detection.recording import Recording

SEVERITIES: Mapping[str, float] = {"sd 4": 4.0, "sd 8": 8.0, "sd 16": 16.0}
CHANGES: tuple[Medium, ...] = ("picture",)


def noise(recording: Recording, level: float) -> Recording:
    """Add white Gaussian noise of `level` of 255, the same to R, G and B, new for each picture.

    It is seeded by the first picture: a clip always gets the same noise, and no two clips share one that could be
    recognised.
    """
    random = np.random.default_rng(zlib.crc32(recording.frames[0].tobytes()))
    frames = np.empty_like(recording.frames)
    for frame, noisy in zip(recording.frames, frames, strict=True):
        grain = np.float32(level) * random.standard_normal((*frame.shape[:2], 1), np.float32)
        noisy[:] = np.clip(np.rint(frame + grain), 0, 255)
    return replace(recording, frames=frames)
