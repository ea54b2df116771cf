"""Mirrors the pictures, as front cameras and those who hide a copy do."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from evaluate.detection.detector import Medium
from evaluate.detection.recording import Recording

SEVERITIES: Mapping[str, int] = {"left and right": 2}
CHANGES: tuple[Medium, ...] = ("picture",)


def flip(recording: Recording, level: int) -> Recording:
    """Turn the order of axis `level` of the frames (F, H, W, 3) round."""
    return replace(recording, frames=np.ascontiguousarray(np.flip(recording.frames, axis=level)))
