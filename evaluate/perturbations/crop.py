"""Cuts the edges of the pictures off and brings what is left to their size."""

from collections.abc import Mapping
from dataclasses import replace

import cv2
import numpy as np

from evaluate.detection.detector import Medium
from evaluate.detection.recording import Recording

SEVERITIES: Mapping[str, float] = {"90 %": 0.9, "80 %": 0.8, "70 %": 0.7}
CHANGES: tuple[Medium, ...] = ("picture",)


def crop(recording: Recording, level: float) -> Recording:
    """Keep the middle `level` of both sides."""
    height, width = recording.frames.shape[1:3]
    top, left = round(height * (1 - level) / 2), round(width * (1 - level) / 2)
    middle = recording.frames[:, top : height - top, left : width - left]
    frames = np.stack([cv2.resize(frame, (width, height), interpolation=cv2.INTER_CUBIC) for frame in middle])
    return replace(recording, frames=frames)
