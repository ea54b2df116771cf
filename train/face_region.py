"""Where the face may be: a box, a mask picture or the whole crop, as the mask that the face locator reads."""

import math
from typing import Literal

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from curate.crop import CropBox, to_crop
from curate.errors import MediaError
from train.dataset import face_mask

Box = tuple[float, float, float, float]  # left, top, right, bottom, px of the upright portrait
Region = Box | NDArray[np.uint8] | Literal["all"]  # a mask is (H, W), bright where the face may be

# A training window's mask is the union of 16 frames' boxes. Over one frame's box that is 1.05 times as long at the
# median of real clips, and 1.08 at the upper quartile.
WIDENED = 1.08
BRIGHT = 128


def region_mask(region: Region, *, square: CropBox, size: int) -> Tensor:
    """Return (1, size, size) in {0, 1} of the crop `square`; MediaError where the region leaves none of it."""
    if isinstance(region, str):
        return torch.ones(1, size, size)
    if isinstance(region, np.ndarray):
        part = region[square.top : square.top + square.side, square.left : square.left + square.side]
        small = cv2.resize(part, (size, size), interpolation=cv2.INTER_AREA)
        mask = torch.from_numpy(small >= BRIGHT).float()[None]
    else:
        corners = to_crop(np.asarray(region, np.float32).reshape(2, 2), square, size=size)
        mask = face_mask(corners.reshape(1, 4), size=size)
    if not mask.any():
        raise MediaError(
            "region_outside",
            "the face region has nothing in common with the crop around the face, "
            f"which is {square.left},{square.top},{square.left + square.side},{square.top + square.side} px",
        )
    return mask


def widened(box: NDArray[np.float32]) -> Box:
    """Return the box of one frame's face as wide as those that a window's faces share."""
    grown = (box[2:] - box[:2]) * np.float32(WIDENED - 1) / 2
    left, top = (box[:2] - grown).tolist()
    right, bottom = (box[2:] + grown).tolist()
    return left, top, right, bottom


def check_box(box: Box, *, size: tuple[int, int], name: str, smallest_px: float = 1) -> None:
    """Raise MediaError("bad_box") that says why a box, called `name`, can't be one of a picture of `size` (W, H)."""
    left, top, right, bottom = box
    width, height = size
    shown = ",".join(f"{edge:g}" for edge in box)
    if not all(map(math.isfinite, box)):
        problem = "holds a number that is not finite"
    elif right <= left or bottom <= top:
        problem = "is empty: it must be left,top,right,bottom with left < right and top < bottom"
    elif left < 0 or top < 0 or right > width or bottom > height:
        problem = f"leaves the picture, which is {width} x {height} px (turned upright)"
    elif min(right - left, bottom - top) < smallest_px:
        problem = f"is smaller than {smallest_px:g} px"
    else:
        return
    raise MediaError("bad_box", f"{name}, {shown}, {problem}")
