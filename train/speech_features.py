"""Speech features: log-mel energies of the sound, a row for each video frame, with the frames around it."""

import math
from functools import cache

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

SAMPLE_RATE_HZ = 16_000
HOP = 160  # 10 ms
WINDOW = 400  # 25 ms
FFT = 512
MELS = 40
FLOOR_HZ, CEILING_HZ = 60.0, 7_600.0
CONTEXT_FRAMES = 2  # m of EMO, section 4.1: a frame sees 2m + 1 frames of sound


def features_per_frame(fps: int) -> int:
    """Return the length of a frame's row: the mel bands of every hop inside the frame."""
    return MELS * hops_per_frame(fps)


def hops_per_frame(fps: int) -> int:
    """Return the mel rows a frame; ValueError unless a frame is a whole number of hops (25 fps: 4)."""
    if SAMPLE_RATE_HZ % (HOP * fps):
        raise ValueError(f"a frame at {fps} fps is not a whole number of {HOP / SAMPLE_RATE_HZ * 1000:.0f} ms hops")
    return SAMPLE_RATE_HZ // (HOP * fps)


def log_mel(samples: NDArray[np.float32]) -> Tensor:
    """Return log-mel energies (hops, MELS), about in [-2, 2], of mono samples in [-1, 1] at SAMPLE_RATE_HZ.

    Row k is the sound around k * 10 ms + 5 ms. Silence is -2, speech about 0, and each unit is 20 dB.
    """
    rows = math.ceil(len(samples) / HOP)
    sound = torch.from_numpy(np.ascontiguousarray(samples, np.float32))
    before = (FFT - HOP) // 2
    padded = F.pad(sound, (before, rows * HOP - len(samples) + FFT - HOP - before))
    frames = padded.unfold(0, FFT, HOP)
    spectrum = torch.fft.rfft(frames * _window()).abs().square()
    energy = spectrum @ _mel_filters()
    return energy.clamp_min(1e-8).log10() / 2 + 2 if rows else torch.zeros(0, MELS)


def frame_features(samples: NDArray[np.float32], *, n_frames: int, fps: int) -> Tensor:
    """Return (n_frames, 2m + 1, features) for a video's mono sound; before and after it is silence."""
    hops = hops_per_frame(fps)
    samples_per_frame = hops * HOP
    fitted = np.zeros((n_frames + 2 * CONTEXT_FRAMES) * samples_per_frame, np.float32)
    start = CONTEXT_FRAMES * samples_per_frame
    heard = samples[: len(fitted) - start]
    fitted[start : start + len(heard)] = heard
    per_frame = log_mel(fitted).reshape(-1, hops * MELS)
    return per_frame.unfold(0, 2 * CONTEXT_FRAMES + 1, 1).transpose(1, 2).contiguous()


@cache
def _window() -> Tensor:
    return F.pad(torch.hann_window(WINDOW, periodic=True), ((FFT - WINDOW) // 2, (FFT - WINDOW) // 2))


@cache
def _mel_filters() -> Tensor:
    """Triangles (bins, MELS), evenly spaced on the HTK mel scale."""
    mels = torch.linspace(_mel(FLOOR_HZ), _mel(CEILING_HZ), MELS + 2)
    edges = 700 * (10 ** (mels / 2595) - 1)
    bins = torch.linspace(0, SAMPLE_RATE_HZ / 2, FFT // 2 + 1)[:, None]
    rising = (bins - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - bins) / (edges[2:] - edges[1:-1])
    return torch.minimum(rising, falling).clamp_min(0) / (FFT / 2)


def _mel(hz: float) -> float:
    return 2595 * math.log10(1 + hz / 700)
