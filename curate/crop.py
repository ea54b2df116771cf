"""The crop: one fixed square for a whole clip, so that the picture's background never moves with the face."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

FACE_SCALE = 1.8  # the square over the face's longer side: the face fills about 55 % of it (Hallo asks for 50-70 %)


@dataclass(frozen=True, kw_only=True)
class CropBox:
    """A square of the picture, in its px; all even, since two by two px share a colour."""

    left: int
    top: int
    side: int


def crop_box(boxes: NDArray[np.float32], *, width: int, height: int, scale: float = FACE_SCALE) -> CropBox:
    """Return the square around a face's boxes (F, 4) over time, inside a picture of `width` x `height` px.

    Its side is `scale` times the median face, or more where the face wanders further, and never more than the
    picture's shorter side; it is moved, not padded, at the picture's edge.
    """
    union = np.concatenate([boxes[:, :2].min(axis=0), boxes[:, 2:].max(axis=0)])
    face = float(np.median(np.maximum(boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1])))
    wanted = max(scale * face, 1.1 * float(max(union[2] - union[0], union[3] - union[1])))
    side = max(2, min(round(wanted), width, height) & ~1)
    left = round(float(union[0] + union[2]) / 2 - side / 2)
    top = round(float(union[1] + union[3]) / 2 - side / 2)
    return CropBox(left=min(max(left, 0), width - side) & ~1, top=min(max(top, 0), height - side) & ~1, side=side)


def crop(image: NDArray[np.uint8], box: CropBox, *, size: int = 512) -> NDArray[np.uint8]:
    """Cut the square out of an (H, W, 3) picture and bring it to (size, size, 3)."""
    square = image[box.top : box.top + box.side, box.left : box.left + box.side]
    method = cv2.INTER_AREA if box.side > size else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(square, (size, size), interpolation=method), np.uint8)


def to_crop(points: NDArray[np.float32], box: CropBox, *, size: int = 512) -> NDArray[np.float32]:
    """Take (..., 2) points from the picture's px to the crop's."""
    return ((points - np.array([box.left, box.top], np.float32)) * np.float32(size / box.side)).astype(np.float32)
