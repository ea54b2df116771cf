"""The four ways in which FID implementations bring a picture to the network's size; the choice alone moves FID."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.nn import functional


def planes(image: NDArray[np.uint8]) -> Tensor:
    """An (H, W, 3) picture as float32 (1, 3, H, W), values 0..255."""
    return torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1), np.float32))[None]


def bilinear(picture: Tensor, *, size_px: int) -> Tensor:
    """(1, 3, H, W) -> (1, 3, size, size), half-pixel centres; a reduction skips source pixels, so it aliases."""
    return functional.interpolate(picture, size=(size_px, size_px), mode="bilinear", align_corners=False)


def bilinear_antialiased(picture: Tensor, *, size_px: int) -> Tensor:
    """The same, but a reduction averages over all source pixels under a triangle."""
    size = (size_px, size_px)
    return functional.interpolate(picture, size=size, mode="bilinear", align_corners=False, antialias=True)


def bilinear_tensorflow1(picture: Tensor, *, size_px: int) -> Tensor:
    """As TensorFlow 1, whose graph defined FID: pixel corners for centres, no antialiasing; shapes as above."""
    from torch_fidelity.interpolate_compat_tensorflow import interpolate_bilinear_2d_like_tensorflow1x

    resized: Tensor = interpolate_bilinear_2d_like_tensorflow1x(picture, size=(size_px, size_px), align_corners=False)
    return resized


def bicubic_pillow(image: NDArray[np.uint8], *, size_px: int) -> Tensor:
    """(H, W, 3) -> (1, 3, size, size) in 0..255 by Pillow's antialiased bicubic in float, clipped but not rounded."""
    channels = [
        Image.fromarray(image[:, :, channel].astype(np.float32)).resize((size_px, size_px), Image.Resampling.BICUBIC)
        for channel in range(3)
    ]
    return torch.from_numpy(np.stack([np.asarray(channel) for channel in channels]).clip(0, 255))[None]
