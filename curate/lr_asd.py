"""LR-ASD, a network of 0.84 M parameters that tells frame by frame whether the face it sees is the voice it hears.

Source: Liao et al., A light weight model for active speaker detection, CVPR 2023, and LR-ASD, IJCV 2025;
Junhua-Liao/LR-ASD (MIT). Modules are named as in its published state dicts.
"""

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from curate.mfcc import mfcc

FACE_PX = 112
_MEAN, _STD = 0.4161, 0.1688  # of the training faces, in [0, 1]
_REACH = 9  # frames before and after that a frame's lip features depend on: 2 + 1 in each of three blocks
_CHUNK = 64  # frames: 100 MB of activations at most, whatever the clip's length
_MFCC_STEP = 4  # rows a frame


class LrAsd(nn.Module):
    """Lips and sound -> a logit a frame, above 0 where the face speaks."""

    def __init__(self) -> None:
        super().__init__()
        self.model = _Network()
        self.lossAV = nn.ModuleDict({"FC": nn.Linear(128, 2)})  # the two classes: silent, speaking

    def forward(self, faces: Tensor, sound: Tensor) -> Tensor:
        """(F, 112, 112) grey in 0..255 at 25 fps and (4 F, 13) MFCC -> (F,)."""
        lips = _in_chunks(self.model.visualEncoder, ((faces / 255 - _MEAN) / _STD)[:, None])
        joined = self.model.fusion(torch.cat([self.model.audioEncoder(sound.T[None, None]), lips], dim=1))
        both_ways = self.model.detector(joined)
        classes: Tensor = self.lossAV["FC"](both_ways[0].T)
        return classes[:, 1]


def build_lr_asd(published: dict[str, Tensor]) -> LrAsd:
    """Return the network with the weights of the published state dict, less the head that only training uses."""
    network = LrAsd().eval()
    used = {name: _planar(value) for name, value in published.items() if not name.startswith("lossV.")}
    network.load_state_dict(used, strict=True)
    network.model.visualEncoder.to(memory_format=torch.channels_last)
    return network


def _planar(weight: Tensor) -> Tensor:
    """A 3-D kernel that is 1 frame deep, or 1x1 px wide, as a 2-D one; anything else as it is."""
    if weight.ndim != 5:
        return weight
    return weight.squeeze(2) if weight.shape[2] == 1 else weight.squeeze(4)


@torch.inference_mode()
def speaking_logits(network: LrAsd, crops: NDArray[np.uint8], audio: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return (n,) logits a frame, above 0 where the face speaks; n is all frames but the one or so that sound lacks.

    `crops` (F, 224, 224, 3) RGB at 25 fps (see face_crops), `audio` (m,) in [-1, 1] at 16 kHz.
    """
    rows = mfcc(audio)
    n = min(len(crops), len(rows) // _MFCC_STEP)
    faces = torch.from_numpy(np.stack([_face(crop) for crop in crops[:n]])).float()
    logits: Tensor = network(faces, torch.from_numpy(rows[: n * _MFCC_STEP]))
    return logits.numpy()


def _face(crop: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The middle half of a crop, grey."""
    edge = (crop.shape[0] - FACE_PX) // 2
    return np.asarray(cv2.cvtColor(crop[edge:-edge, edge:-edge], cv2.COLOR_RGB2GRAY), np.uint8)


def _in_chunks(encoder: nn.Module, pictures: Tensor) -> Tensor:
    """Encode (F, 1, H, W) -> (1, C, F) as if at once."""
    parts = []
    for begin in range(0, len(pictures), _CHUNK):
        first = max(0, begin - _REACH)
        encoded = encoder(pictures[first : begin + _CHUNK + _REACH])
        parts.append(encoded[begin - first : begin - first + _CHUNK])
    return torch.cat(parts).T[None]


class _Network(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.visualEncoder, self.audioEncoder = _Lips(), _Sound()
        self.fusion = _Gate(256)
        self.detector = _BothWays()


class _Lips(nn.Module):
    """(F, 1, 112, 112) -> (F, 128)."""

    def __init__(self) -> None:
        super().__init__()
        self.block1, self.block2, self.block3 = _LipBlock(1, 32, stride=2), _LipBlock(32, 64), _LipBlock(64, 128)
        self.pool = nn.MaxPool2d(3, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = x.contiguous(memory_format=torch.channels_last)
        x = self.block3(self.pool(self.block2(self.pool(self.block1(x)))))
        return x.amax(dim=(2, 3))


class _Sound(nn.Module):
    """(N, 1, 13, 4 F) -> (N, 128, F)."""

    def __init__(self) -> None:
        super().__init__()
        self.block1, self.block2, self.block3 = _SoundBlock(1, 32), _SoundBlock(32, 64), _SoundBlock(64, 128)
        self.pool = nn.MaxPool2d((1, 3), (1, 2), (0, 1))

    def forward(self, x: Tensor) -> Tensor:
        x = self.block3(self.pool(self.block2(self.pool(self.block1(x)))))
        return x.mean(dim=2)


class _LipBlock(nn.Module):
    """Two convolutions over the picture, then two over time: (F, C, H, W) -> (F, D, h, w).

    The original's are 3-D; these 2-D ones, with the channels last in memory, make the same sums twice as fast.
    """

    def __init__(self, inputs: int, outputs: int, *, stride: int = 1) -> None:
        super().__init__()
        half = outputs // 2
        self.s_1 = nn.Conv2d(inputs, half, 5, stride, 2, bias=False)
        self.s_2 = nn.Conv2d(half, outputs, 3, padding=1, bias=False)
        self.t_1 = nn.Conv2d(outputs, outputs, (5, 1), padding=(2, 0), bias=False)
        self.t_2 = nn.Conv2d(outputs, outputs, (3, 1), padding=(1, 0), bias=False)
        self.s_norm_1, self.s_norm_2 = nn.BatchNorm2d(half, eps=1e-3), nn.BatchNorm2d(outputs, eps=1e-3)
        self.t_norm_1, self.t_norm_2 = nn.BatchNorm2d(outputs, eps=1e-3), nn.BatchNorm2d(outputs, eps=1e-3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.s_norm_2(self.s_2(self.s_norm_1(self.s_1(x)).relu_())).relu_()
        frames, channels, height, width = x.shape
        x = x.permute(0, 2, 3, 1).reshape(1, frames, height * width, channels).permute(0, 3, 1, 2)  # no copy
        x = self.t_norm_2(self.t_2(self.t_norm_1(self.t_1(x)).relu_())).relu_()
        return x.permute(0, 2, 3, 1).reshape(frames, height, width, channels).permute(0, 3, 1, 2)


class _SoundBlock(nn.Module):
    """Two convolutions over the coefficients, then two over time."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        half = outputs // 2
        self.m_1 = nn.Conv2d(inputs, half, (5, 1), padding=(2, 0), bias=False)
        self.m_2 = nn.Conv2d(half, outputs, (3, 1), padding=(1, 0), bias=False)
        self.t_1 = nn.Conv2d(outputs, outputs, (1, 5), padding=(0, 2), bias=False)
        self.t_2 = nn.Conv2d(outputs, outputs, (1, 3), padding=(0, 1), bias=False)
        self.m_norm_1, self.m_norm_2 = nn.BatchNorm2d(half, eps=1e-3), nn.BatchNorm2d(outputs, eps=1e-3)
        self.t_norm_1, self.t_norm_2 = nn.BatchNorm2d(outputs, eps=1e-3), nn.BatchNorm2d(outputs, eps=1e-3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.m_norm_2(self.m_2(self.m_norm_1(self.m_1(x)).relu_())).relu_()
        y: Tensor = self.t_norm_2(self.t_2(self.t_norm_1(self.t_1(x)).relu_()))
        return y.relu_()


class _Gate(nn.Module):
    """Weighs each of (N, C, F) features by all of them in the same frame."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.attention = nn.Conv1d(channels, channels, 1, bias=False)
        self.bn = nn.BatchNorm1d(channels, eps=1e-3)

    def forward(self, x: Tensor) -> Tensor:
        weight: Tensor = self.bn(self.attention(x)).sigmoid()
        return x * weight


class _BothWays(nn.Module):
    """(N, 256, F) -> (N, 128, F), what came before and what comes after in mind."""

    def __init__(self) -> None:
        super().__init__()
        self.gru_forward = nn.GRU(256, 64, batch_first=True)
        self.gru_backward = nn.GRU(256, 64, batch_first=True)
        self.attention = _Gate(128)

    def forward(self, x: Tensor) -> Tensor:
        frames = x.transpose(1, 2)
        before, _ = self.gru_forward(frames)
        after, _ = self.gru_backward(frames.flip(1))
        weighed: Tensor = self.attention(torch.cat([before, after.flip(1)], dim=2).transpose(1, 2))
        return weighed
