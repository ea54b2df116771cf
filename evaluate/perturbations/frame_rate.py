"""Brings the pictures to another frame rate by repeating and leaving out some of them."""

import math
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from evaluate.detection.detector import Medium
from evaluate.detection.recording import Recording

SEVERITIES: Mapping[str, float] = {"30 fps": 30.0, "15 fps": 15.0, "12.5 fps": 12.5}
CHANGES: tuple[Medium, ...] = ("picture",)


def frame_rate(recording: Recording, level: float) -> Recording:
    """Show at `level` fps whatever picture was there at that time; the duration grows by less than one picture."""
    count = math.ceil(len(recording.frames) * level / recording.fps)
    shown = np.minimum(np.floor(np.arange(count) * recording.fps / level + 1e-6), len(recording.frames) - 1)
    return replace(recording, frames=recording.frames[shown.astype(int)], fps=level)
