"""Silences the beginning of the sound, where generated speech often has a pause of its own length."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from evaluate.detection.detector import Medium
from evaluate.detection.recording import Recording

SEVERITIES: Mapping[str, float] = {"0.25 s": 0.25, "0.5 s": 0.5, "1 s": 1.0}
CHANGES: tuple[Medium, ...] = ("sound",)


def leading_silence(recording: Recording, level: float) -> Recording:
    """Mute the first `level` seconds; nothing is moved, so that lips and sound stay together."""
    if recording.samples is None:
        return recording
    muted = np.arange(len(recording.samples)) < level * recording.sample_rate_hz
    return replace(recording, samples=np.where(muted, np.float32(0), recording.samples))
