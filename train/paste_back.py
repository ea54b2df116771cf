"""The animated crop put back into the full picture that it was cut from, with a soft edge."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from curate.crop import CropBox

LONGEST_PX = 2048  # of the full picture's sides: every frame of a video is encoded at that size
FEATHER = 0.08  # of the square's side, over which the crop fades into the picture


@dataclass(frozen=True, kw_only=True)
class Pasting:
    """A still picture and the square of it that is animated."""

    picture: NDArray[np.uint8]  # (H, W, 3) RGB
    square: CropBox
    weight: NDArray[np.float32]  # (side, side, 1) in [0, 1]: how much of the crop is seen

    def paste(self, frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return a new (H, W, 3) picture with the crop (S, S, 3) in its place; outside it every byte stays."""
        place = self.square
        method = cv2.INTER_AREA if len(frame) > place.side else cv2.INTER_CUBIC
        crop = cv2.resize(frame, (place.side, place.side), interpolation=method)
        rows, columns = slice(place.top, place.top + place.side), slice(place.left, place.left + place.side)
        still = self.picture[rows, columns].astype(np.float32)
        whole = self.picture.copy()
        whole[rows, columns] = np.rint(still + self.weight * (crop - still))
        return whole


def pasting(picture: NDArray[np.uint8], square: CropBox) -> Pasting:
    """Return what puts crops back into (H, W, 3) RGB; an edge of the crop that is the picture's own doesn't fade."""
    height, width = picture.shape[:2]
    columns = _fade(square.side, first=square.left > 0, last=square.left + square.side < width)
    rows = _fade(square.side, first=square.top > 0, last=square.top + square.side < height)
    return Pasting(picture=picture, square=square, weight=np.minimum.outer(rows, columns)[..., None])


def fitted(
    picture: NDArray[np.uint8], *, longest_px: int = LONGEST_PX
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Return the picture with even sides, as video wants them, and what takes px of the old to the new (x, y).

    It is shrunk to `longest_px` where it is larger; else at most its last row and column go.
    """
    height, width = picture.shape[:2]
    if max(height, width) <= longest_px:
        return picture[: height & ~1, : width & ~1], np.ones(2, np.float32)
    shrunk = longest_px / max(height, width)
    size = (max(2, round(width * shrunk) & ~1), max(2, round(height * shrunk) & ~1))
    small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.uint8), np.array([size[0] / width, size[1] / height], np.float32)


def _fade(side: int, *, first: bool, last: bool) -> NDArray[np.float32]:
    """Return (side,) weights that rise from the first edge and fall to the last, where those fade; no jump in slope."""
    centres = np.arange(side) + 0.5
    distance = np.minimum(centres if first else np.inf, side - centres if last else np.inf)
    rise = np.clip(distance / (FEATHER * side), 0, 1)
    return (rise * rise * (3 - 2 * rise)).astype(np.float32)
