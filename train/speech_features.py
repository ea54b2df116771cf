"""Speech features: log-mel energies of the sound, a row for each video frame, with the frames around it."""

import math

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

SAMPLE_RATE_HZ = 16_000
SAMPLES_A_FRAME = 640  # at 25 fps
HOP = 160  # 10 ms
WINDOW = 400  # 25 ms
FFT = 512
MELS = 40
FLOOR_HZ, CEILING_HZ = 60.0, 7_600.0
CONTEXT_FRAMES = 2  # m of EMO, section 4.1: a frame sees 2m + 1 frames of sound


def sound_around(
    samples: NDArray[np.float32], *, first_frame: int, n_frames: int, margin_frames: int
) -> NDArray[np.float32]:
    """Return the ((n_frames + 2 margin_frames) * 640,) samples of some 25 fps frames and the margin around them.

    Beyond the sound's ends is silence. `samples` (n,) are 16 kHz mono in [-1, 1].
    """
    start = (first_frame - margin_frames) * SAMPLES_A_FRAME
    end = (first_frame + n_frames + margin_frames) * SAMPLES_A_FRAME
    found = np.zeros(end - start, np.float32)
    heard = samples[max(0, start) : max(0, end)]
    found[max(0, -start) : max(0, -start) + len(heard)] = heard
    return found


class LogMel(nn.Module):
    """Log-mel energies, about in [-2, 2]: silence is -2, speech about 0, and each unit is 20 dB."""

    name = "log_mel"
    margin_frames = CONTEXT_FRAMES + 1  # a frame more than the context, into which the outermost Fourier windows reach
    features = MELS * SAMPLES_A_FRAME // HOP  # k: the mel bands of each of a frame's hops
    window: Tensor
    filters: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("window", _padded_window(), persistent=False)
        self.register_buffer("filters", _mel_filters(), persistent=False)

    def forward(self, samples: Tensor) -> Tensor:
        """Take (B, N) samples at 16 kHz, N = (F + 2 margin_frames) * 640, and return (B, F, 2m + 1, k)."""
        before = (FFT - HOP) // 2
        inner = samples[:, SAMPLES_A_FRAME - before : before - SAMPLES_A_FRAME]
        spectrum: Tensor = torch.fft.rfft(inner.unfold(1, FFT, HOP) * self.window).abs().square()
        rows: Tensor = (spectrum @ self.filters).clamp_min(1e-8).log10() / 2 + 2
        per_frame = rows.unflatten(1, (-1, SAMPLES_A_FRAME // HOP)).flatten(2)
        return with_context(per_frame)


def with_context(rows: Tensor) -> Tensor:
    """Take the rows (B, m + F + m, k) of F frames and the m on each side; return each frame's, (B, F, 2m + 1, k)."""
    around: Tensor = rows.unfold(1, 2 * CONTEXT_FRAMES + 1, 1).transpose(2, 3)
    return around


def _padded_window() -> Tensor:
    return F.pad(torch.hann_window(WINDOW, periodic=True), ((FFT - WINDOW) // 2, (FFT - WINDOW) // 2))


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
