"""Mel-frequency cepstral coefficients exactly as python_speech_features 0.6 makes them by default.

SyncNet and LR-ASD were trained on these, oddities included: samples on the int16 scale, no window function, mel filters
on whole FFT bins, and the frame's log energy in the place of the first coefficient.
"""

from functools import cache

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from scipy.fft import dct

RATE_HZ = 16_000
STEP = 160  # samples: 100 rows a second
_WINDOW = 400  # samples: 25 ms
_FFT = 512
_FILTERS = 26
_COEFFICIENTS = 13
_PREEMPHASIS = 0.97
_LIFTER = 22
_INT16 = 32768.0
_EPSILON = np.finfo(np.float64).eps


def mfcc(audio: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return (T, 13) coefficients, 100 rows a second, of (n,) samples in [-1, 1] at 16 kHz; a second gives 99 rows."""
    samples = np.clip(np.rint(audio.astype(np.float64) * _INT16), -_INT16, _INT16 - 1)
    emphasised = np.concatenate([samples[:1], samples[1:] - _PREEMPHASIS * samples[:-1]])
    n_frames = 1 + max(0, -(-(len(samples) - _WINDOW) // STEP))
    padded = np.pad(emphasised, (0, (n_frames - 1) * STEP + _WINDOW - len(samples)))
    power = np.abs(np.fft.rfft(sliding_window_view(padded, _WINDOW)[::STEP], _FFT)) ** 2 / _FFT
    bands = power @ _mel_filters().T
    cepstra = dct(np.log(_above_zero(bands)), type=2, axis=1, norm="ortho")[:, :_COEFFICIENTS]
    cepstra *= 1 + _LIFTER / 2 * np.sin(np.pi * np.arange(_COEFFICIENTS) / _LIFTER)
    cepstra[:, 0] = np.log(_above_zero(power.sum(axis=1)))
    return cepstra.astype(np.float32)


def _above_zero(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(values == 0, _EPSILON, values)


@cache
def _mel_filters() -> NDArray[np.float64]:
    """Triangles (26, 257) from 0 to 8 kHz whose corners lie on whole FFT bins."""
    corners_mel = np.linspace(0.0, 2595 * np.log10(1 + RATE_HZ / 2 / 700), _FILTERS + 2)
    corners = np.floor((_FFT + 1) * 700 * (10 ** (corners_mel / 2595) - 1) / RATE_HZ)
    bins = np.arange(_FFT // 2 + 1)
    low, peak, high = (corners[part : part + _FILTERS, None] for part in range(3))
    rising = (bins >= low) & (bins < peak)
    falling = (bins >= peak) & (bins < high)
    up, down = (bins - low) / np.maximum(peak - low, 1), (high - bins) / np.maximum(high - peak, 1)
    return np.where(rising, up, np.where(falling, down, 0.0))
