"""Makes the pictures smaller and brings them back to their size."""

from collections.abc import Mapping
from dataclasses import replace

import cv2
import numpy as np

from evaluate.detection.detector import Medium
from evaluate.detection.recording import Recording

SEVERITIES: Mapping[str, float] = {"x 0.75": 0.75, "x 0.5": 0.5, "x 0.25": 0.25}
CHANGES: tuple[Medium, ...] = ("picture",)


def resize(recording: Recording, level: float) -> Recording:
    """Scale both sides by `level` (means over areas), and back (bicubic)."""
    height, width = recording.frames.shape[1:3]
    small = (max(1, round(width * level)), max(1, round(height * level)))
    shrunk = (cv2.resize(frame, small, interpolation=cv2.INTER_AREA) for frame in recording.frames)
    frames = np.stack([cv2.resize(frame, (width, height), interpolation=cv2.INTER_CUBIC) for frame in shrunk])
    return replace(recording, frames=frames)
