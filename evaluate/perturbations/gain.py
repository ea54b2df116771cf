"""Makes the sound quieter, or so loud that it is clipped."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from evaluate.detection.detector import Medium
from evaluate.detection.recording import Recording

SEVERITIES: Mapping[str, float] = {"-6 dB": -6.0, "-20 dB": -20.0, "+12 dB": 12.0}
CHANGES: tuple[Medium, ...] = ("sound",)


def gain(recording: Recording, level: float) -> Recording:
    """Multiply the sound by `level` dB; what goes beyond [-1, 1] is cut off."""
    if recording.samples is None:
        return recording
    louder = np.float32(10 ** (level / 20)) * recording.samples
    return replace(recording, samples=np.clip(louder, -1, 1))
