"""Per-frame numbers of a clip's pictures, in one pass that holds two of them: how much each differs from the last."""

from collections.abc import Iterable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from curate.media_writing import DecodedPicture, as_rgb

SIZE_PX = 128  # of the square that is looked at: a lip that moves by a pixel of 512 still shows
COARSE_PX = 32  # at which a codec's noise, and its refresh at a keyframe, have nearly gone
MAX_FPS = 60

Series = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, eq=False)
class PictureSeries:
    """Of the F pictures of a clip's square at `fps`, the video's own rate, so that no picture is skipped or doubled.

    `colour` (F, 3): mean CIELAB. `change`, `coarse_change` (F - 1,): mean absolute difference of the brightness from
    the picture before, in levels of 255, at 128 and at 32 px.
    """

    fps: int
    colour: Series
    change: Series
    coarse_change: Series


def own_fps(fps: float | None, *, default: int) -> int:
    """Return the rate of a grid that shows each of a video's pictures once, 1 to 60."""
    return default if not fps else min(max(1, round(fps)), MAX_FPS)


def picture_series(pictures: Iterable[DecodedPicture], *, fps: int) -> PictureSeries:
    """Look at decoded pictures of 128 px once, in their order."""
    colour: list[Series] = []
    changes: list[tuple[float, float]] = []
    last: tuple[NDArray[np.float32], NDArray[np.float32]] | None = None
    for picture in pictures:
        rgb = as_rgb(picture)
        brightness = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY).astype(np.float32)
        coarse = cv2.resize(brightness, (COARSE_PX, COARSE_PX), interpolation=cv2.INTER_AREA)
        now = brightness, np.asarray(coarse, np.float32)
        if last is not None:
            changes.append((_difference(now[0], last[0]), _difference(now[1], last[1])))
        colour.append(cv2.cvtColor(rgb.astype(np.float32) / 255, cv2.COLOR_RGB2LAB).mean(axis=(0, 1), dtype=np.float64))
        last = now
    fine, coarse = np.asarray(changes, np.float64).reshape(-1, 2).T
    return PictureSeries(fps=fps, colour=np.reshape(colour, (-1, 3)), change=fine, coarse_change=coarse)


def _difference(now: NDArray[np.float32], before: NDArray[np.float32]) -> float:
    return float(np.abs(now - before).mean(dtype=np.float64))
