"""SyncNet: whether lips and sound agree, from embeddings of 0.2 s windows of both.

Source: Chung & Zisserman, Out of time: automated lip sync in the wild, 2016; joonson/syncnet_python. The network is the
published one: its time kernel spans a window's five frames at once, so here it is a 2-D network over their 15 planes
(the same sums, 1.5 times as fast on a core).
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import pad

from curate.mfcc import mfcc

MAX_SHIFT = 15  # frames either way
_FRAMES, _MFCC_ROWS = 5, 20  # a window of each stream
_MFCC_STEP = 4  # rows a frame
_SAMPLES = 640  # a frame
_BATCH = 8  # windows: 25 MB of input
_EPSILON = 1e-6  # torch's pairwise_distance adds it to each of the differences


class SyncNet(nn.Module):
    """Two towers into one space; named as in the published state dict (syncnet_v2.model)."""

    def __init__(self) -> None:
        super().__init__()
        self.netcnnlip = nn.Sequential(
            *_convolution(3 * _FRAMES, 96, kernel=7, stride=2),
            nn.MaxPool2d(3, 2),
            *_convolution(96, 256, kernel=5, stride=2, padding=1),
            nn.MaxPool2d(3, 2, padding=1),
            *_convolution(256, 256, kernel=3, padding=1),
            *_convolution(256, 256, kernel=3, padding=1),
            *_convolution(256, 256, kernel=3, padding=1),
            nn.MaxPool2d(3, 2),
            *_convolution(256, 512, kernel=6),
        )
        self.netcnnaud = nn.Sequential(
            *_convolution(1, 64, kernel=3, padding=1),
            nn.Identity(),  # a pooling of 1x1 in the original, which counts in the names
            *_convolution(64, 192, kernel=3, padding=1),
            nn.MaxPool2d(3, (1, 2)),
            *_convolution(192, 384, kernel=3, padding=1),
            *_convolution(384, 256, kernel=3, padding=1),
            *_convolution(256, 256, kernel=3, padding=1),
            nn.MaxPool2d(3, 2),
            *_convolution(256, 512, kernel=(5, 4)),
        )
        self.netfclip, self.netfcaud = _head(), _head()

    def lips(self, windows: Tensor) -> Tensor:
        """(N, 15, 224, 224) -> (N, 1024); planes are blue, green, red, each over five frames, in 0..255."""
        embedded: Tensor = self.netfclip(self.netcnnlip(windows).flatten(1))
        return embedded

    def sound(self, windows: Tensor) -> Tensor:
        """(N, 1, 13, 20) -> (N, 1024); 20 rows of MFCC."""
        embedded: Tensor = self.netfcaud(self.netcnnaud(windows).flatten(1))
        return embedded


def build_syncnet(published: dict[str, Tensor]) -> SyncNet:
    """Return the network with the weights of the published state dict, every one of them used."""
    network = SyncNet().eval()
    planar = {name: value.flatten(1, 2) if value.ndim == 5 else value for name, value in published.items()}
    network.load_state_dict(planar, strict=True)
    network.netcnnlip.to(memory_format=torch.channels_last)
    return network


def n_windows(n_frames: int, n_samples: int) -> int:
    """How many windows the reference makes of a clip (it leaves out the last one that would fit); may be negative."""
    return min(n_frames, n_samples // _SAMPLES) - _FRAMES


def embed(
    network: SyncNet, crops: NDArray[np.uint8], audio: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return (n, 1024) of the lips and (n, 1024) of the sound, one row a frame.

    `crops` (F, 224, 224, 3) RGB at 25 fps (see face_crops), `audio` (m,) in [-1, 1] at 16 kHz.
    """
    rows = torch.from_numpy(mfcc(audio).T.copy())
    batches = np.split(np.arange(n := n_windows(len(crops), len(audio))), range(_BATCH, n, _BATCH))
    with torch.inference_mode():
        lips = [network.lips(_lip_windows(crops[batch[0] : batch[-1] + _FRAMES])) for batch in batches]
        sound = network.sound(rows.unfold(1, _MFCC_ROWS, _MFCC_STEP)[:, :n].transpose(0, 1)[:, None])
    return torch.cat(lips).numpy(), sound.numpy()


def _lip_windows(crops: NDArray[np.uint8]) -> Tensor:
    """(n + 4, H, W, 3) RGB -> (n, 15, H, W): the original reads pictures with OpenCV, so blue comes first."""
    frames = torch.from_numpy(crops).flip(3).permute(0, 3, 1, 2).float()
    n = len(frames) - _FRAMES + 1
    windows = torch.stack([frames[step : step + n] for step in range(_FRAMES)], dim=2).flatten(1, 2)
    return windows.contiguous(memory_format=torch.channels_last)


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """`late_frames`: by how many frames the sound comes late, -15 to 15; `distance` (LSE-D, lower is better);
    `confidence` (LSE-C, higher is surer): by how much the best shift is nearer than the median one."""

    late_frames: int
    distance: float
    confidence: float


def agreement(distances: NDArray[np.float32]) -> Agreement:
    """Return what the (n, 31) distances of `shifted_distances`, or some of their rows, say."""
    mean = distances.mean(axis=0)
    best = int(np.argmin(mean))
    nearest = float(mean[best])
    return Agreement(late_frames=best - MAX_SHIFT, distance=nearest, confidence=float(np.median(mean)) - nearest)


def shifted_distances(lips: NDArray[np.float32], sound: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return (n, 31): from each row of lips (n, d) to the sound 15 rows before to 15 after, zeros beyond the ends."""
    padded = pad(torch.from_numpy(sound), (0, 0, MAX_SHIFT, MAX_SHIFT))
    near = torch.from_numpy(lips) + _EPSILON
    shifts = [(near - padded[shift : shift + len(near)]).norm(dim=1) for shift in range(2 * MAX_SHIFT + 1)]
    return torch.stack(shifts, dim=1).numpy()


def unpadded(distances: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the rows of (n, 31) distances that touch no zeros: all but the first and the last 15."""
    return distances[MAX_SHIFT : len(distances) - MAX_SHIFT]


def _convolution(
    inputs: int, outputs: int, *, kernel: int | tuple[int, int], stride: int = 1, padding: int = 0
) -> tuple[nn.Module, nn.Module, nn.Module]:
    return nn.Conv2d(inputs, outputs, kernel, stride, padding), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)


def _head() -> nn.Sequential:
    return nn.Sequential(nn.Linear(512, 512), nn.BatchNorm1d(512), nn.ReLU(), nn.Linear(512, 1024))
