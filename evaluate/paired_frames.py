"""Two videos side by side: their frames in step from the first on, over their common length, at one size."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

from curate.errors import MediaError
from evaluate.observation import Observation

Picture = NDArray[np.uint8]

SIZE_RULE = "generated frames brought to the reference's size (cv2 INTER_AREA down, INTER_CUBIC up)"
MAX_ASPECT = 1.02  # times: beyond, the two show different cuts of the picture


def paired_frames(generated: Observation, reference: Observation) -> Iterator[tuple[Picture, Picture]]:
    """Yield (generated, reference) pictures (H, W, 3) RGB of each frame of the grid that both have; two are held.

    Raises MediaError("aspect_differs") when resizing would distort the picture.
    """
    for made, real in zip(generated.frames(), reference.frames(), strict=False):
        yield _fitted(made.image, real.image), real.image


def _fitted(made: Picture, real: Picture) -> Picture:
    (height, width), (to_height, to_width) = made.shape[:2], real.shape[:2]
    if (height, width) == (to_height, to_width):
        return made
    distortion = (width / height) / (to_width / to_height)
    if max(distortion, 1 / distortion) > MAX_ASPECT:
        raise MediaError("aspect_differs", f"{width}x{height} px against the reference's {to_width}x{to_height}")
    method = cv2.INTER_AREA if width > to_width else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(made, (to_width, to_height), interpolation=method), np.uint8)
