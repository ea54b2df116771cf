"""Adds noise to the sound."""

import zlib
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from evaluate.detection.detector import Medium
from evaluate.detection.recording import Recording

SEVERITIES: Mapping[str, float] = {"30 dB": 30.0, "20 dB": 20.0, "10 dB": 10.0, "0 dB": 0.0}
CHANGES: tuple[Medium, ...] = ("sound",)


def audio_noise(recording: Recording, level: float) -> Recording:
    """Add white Gaussian noise that lies `level` dB under the sound's root mean square; seeded by the sound."""
    if recording.samples is None:
        return recording
    random = np.random.default_rng(zlib.crc32(recording.samples.tobytes()))
    rms = np.sqrt(np.mean(np.square(recording.samples, dtype=np.float64)))
    hiss = np.float32(rms * 10 ** (-level / 20)) * random.standard_normal(len(recording.samples), np.float32)
    return replace(recording, samples=recording.samples + hiss)
