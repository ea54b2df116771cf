"""Blurs the pictures, as a lens out of focus does."""

from collections.abc import Mapping
from dataclasses import replace

import cv2
import numpy as np

from evaluate.detection.detector import Medium
from evaluate.detection.recording import Recording

SEVERITIES: Mapping[str, float] = {"sd 1 px": 1.0, "sd 2 px": 2.0, "sd 4 px": 4.0}
CHANGES: tuple[Medium, ...] = ("picture",)


def blur(recording: Recording, level: float) -> Recording:
    """Convolve with a Gaussian of standard deviation `level` px."""
    return replace(recording, frames=np.stack([cv2.GaussianBlur(frame, (0, 0), level) for frame in recording.frames]))
