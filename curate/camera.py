"""How much the camera moves: the background's shift between frames a fifth of a second apart."""

import math

import cv2
import numpy as np
from numpy.typing import NDArray

STEP_S = 0.2
FLOW_PX = 96  # the longer side of the picture that the shift is measured on
FACE_GROWTH = (1.0, 0.8, 2.5)  # of the face's size to each side, above, below: hair, shoulders and chest move with it
MIN_BACKGROUND = 0.1  # share of the picture: with less, what moves may be the person


class CameraMotion:
    """Measures the shift of what isn't a person, frame by frame."""

    def __init__(self, *, fps: int) -> None:
        self._every = max(1, round(STEP_S * fps))
        self._fps = fps
        self._last: NDArray[np.uint8] | None = None
        self._speeds: list[float] = []

    def feed(self, index: int, small: NDArray[np.uint8], boxes: NDArray[np.float32]) -> None:
        """Take grid frame `index`: its (h, w, 3) RGB and the faces' boxes (N, 4) in its px."""
        if index % self._every:
            return
        scale = FLOW_PX / max(small.shape[:2])
        grey = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY)
        tiny = np.asarray(cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)
        if self._last is not None and self._last.shape == tiny.shape:
            speed = _background_speed(_flow(self._last, tiny), boxes * scale)
            self._speeds.append(speed * self._fps / self._every)
        else:
            self._speeds.append(float("nan"))
        self._last = tiny

    def speeds(self, n_frames: int) -> NDArray[np.float32]:
        """Return (n_frames,) percent of the picture's longer side a second; nan where a face fills the picture."""
        return np.repeat(np.asarray(self._speeds, np.float32), self._every)[:n_frames]


def _flow(before: NDArray[np.uint8], after: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Farneback's dense flow (h, w, 2), px; OpenCV's faster DIS crashes on pictures this small."""
    still = np.zeros((*before.shape, 2), np.float32)
    flow = cv2.calcOpticalFlowFarneback(
        before, after, still, pyr_scale=0.5, levels=3, winsize=9, iterations=2, poly_n=5, poly_sigma=1.1, flags=0
    )
    return np.asarray(flow, np.float32)


def _background_speed(flow: NDArray[np.float32], boxes: NDArray[np.float32]) -> float:
    """Percent of the longer side: the length of the median shift outside the people; nan without a background."""
    height, width = flow.shape[:2]
    background = np.ones((height, width), bool)
    for left, top, right, bottom in boxes:
        side, above, below = (growth * max(right - left, bottom - top) for growth in FACE_GROWTH)
        rows = slice(max(0, int(top - above)), max(0, int(bottom + below)))
        background[rows, max(0, int(left - side)) : max(0, int(right + side))] = False
    if background.mean() < MIN_BACKGROUND:
        return float("nan")
    across, down = (float(shift) for shift in np.median(flow[background], axis=0))
    return float(math.hypot(across, down) * 100 / max(height, width))
