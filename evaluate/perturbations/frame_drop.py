"""Loses pictures here and there, as a poor connection does: the one before stands still in their place."""

import zlib
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from evaluate.detection.detector import Medium
from evaluate.detection.recording import Recording

SEVERITIES: Mapping[str, float] = {"5 %": 0.05, "15 %": 0.15, "30 %": 0.3}
CHANGES: tuple[Medium, ...] = ("picture",)


def frame_drop(recording: Recording, level: float) -> Recording:
    """Replace `level` of the pictures, but never the first, by those before them; seeded by the first picture."""
    random = np.random.default_rng(zlib.crc32(recording.frames[0].tobytes()))
    count = len(recording.frames)
    shown = np.arange(count)
    shown[random.permutation(np.arange(1, count))[: round(level * count)]] = 0
    return replace(recording, frames=recording.frames[np.maximum.accumulate(shown)])
