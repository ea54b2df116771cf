"""Takes the sound to a lower sample rate and back, as a telephone does: what was above half of it is gone."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from evaluate.detection.detector import Medium
from evaluate.detection.recording import Recording

SEVERITIES: Mapping[str, int] = {"12 kHz": 12_000, "8 kHz": 8_000, "4 kHz": 4_000}
CHANGES: tuple[Medium, ...] = ("sound",)


def resample_audio(recording: Recording, level: int) -> Recording:
    """Take away every frequency above `level` / 2 Hz, as resampling to `level` Hz and back with ideal filters does."""
    if recording.samples is None:
        return recording
    spectrum = np.fft.rfft(recording.samples)
    spectrum[np.fft.rfftfreq(len(recording.samples), 1 / recording.sample_rate_hz) > level / 2] = 0
    return replace(recording, samples=np.fft.irfft(spectrum, len(recording.samples)).astype(np.float32))
