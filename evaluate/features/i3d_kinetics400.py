"""Kinetics-400 logits of I3D over windows of 16 frames: FVD's features, for talking-head clips of any length."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import interpolate

from curate.one_thread import one_thread
from evaluate.networks import i3d_torchscript
from evaluate.networks.i3d import INPUT_PX
from evaluate.observation import Observation
from evaluate.windows import WINDOW_RULE, windows

WINDOW_FRAMES, MAX_WINDOWS = 16, 4
WEIGHTS = (i3d_torchscript.WEIGHTS,)
PACKAGES = ("torch",)
PICTURE_PROTOCOL = {
    "network": "Inception-I3D, Kinetics-400, tf.hub variant, 400 logits averaged over time",
    "picture": "whole frame, centre square",
    "resize": f"bilinear without antialiasing to {INPUT_PX}x{INPUT_PX}, float32",
    "range": "value / 255 * 2 - 1, RGB",
    "arithmetic": "float32, one window a call, one thread",
}
PROTOCOL = {**PICTURE_PROTOCOL, "windows": WINDOW_RULE.format(n=WINDOW_FRAMES, most=MAX_WINDOWS)}


def i3d_kinetics400(observation: Observation) -> NDArray[np.float32]:
    """Logits (k, 400), one row a window, at most 4 of them spread over the video.

    The network and preprocessing are StyleGAN-V's; the choice of windows is ours, so a distance on these compares with
    no printed FVD: i3d_stylegan_v takes the windows as they do. Raises MediaError("too_short") under 16 frames.
    """
    found = windows(observation, n_frames=WINDOW_FRAMES, max_windows=MAX_WINDOWS, prepare=prepare)
    return np.stack([logits(window) for window in found])


def prepare(image: NDArray[np.uint8]) -> Tensor:
    """An (H, W, 3) RGB picture as (3, 224, 224) in [-1, 1]: centre square, bilinear without antialiasing."""
    height, width = image.shape[:2]
    side = min(height, width)
    left, top = (width - side) // 2, (height - side) // 2
    square = torch.tensor(image[top : top + side, left : left + side]).permute(2, 0, 1)[None].float()
    resized = interpolate(square / 255 * 2 - 1, (INPUT_PX, INPUT_PX), mode="bilinear", align_corners=False)
    return resized[0]


def logits(window: Sequence[Tensor]) -> NDArray[np.float32]:
    """(400,) of a window's pictures, each (3, 224, 224)."""
    with torch.inference_mode(), one_thread():
        scores = i3d_torchscript.load_i3d()(torch.stack(list(window), dim=1)[None])[0]
    return np.asarray(scores.numpy(), np.float32)
