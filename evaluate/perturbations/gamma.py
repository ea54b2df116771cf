"""Darkens the mid-tones of the pictures, as another camera or screen does."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from evaluate.detection.detector import Medium
from evaluate.detection.recording import Recording

SEVERITIES: Mapping[str, float] = {"1.25": 1.25, "1.5": 1.5, "2": 2.0}
CHANGES: tuple[Medium, ...] = ("picture",)


def gamma(recording: Recording, level: float) -> Recording:
    """Raise every value, as a share of 255, to the power of `level`; black and white stay."""
    table = np.rint(255 * (np.arange(256) / 255) ** level).astype(np.uint8)
    return replace(recording, frames=table[recording.frames])
