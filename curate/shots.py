"""Shot boundaries by PySceneDetect's adaptive detector, fed with our own decoded frames."""

import cv2
import numpy as np
from numpy.typing import NDArray
from scenedetect import AdaptiveDetector, FrameTimecode

PICTURE_PX = 256  # the width that PySceneDetect itself scales down to


class ShotDetector:
    """Finds cuts in a stream of frames.

    Defaults are the best of PySceneDetect's own published sweep over BBC, AutoShot and ClipShots (threshold 3.5,
    window 3 frames, shots of at least 0.6 s).
    """

    def __init__(
        self, *, fps: int, adaptive_threshold: float = 3.5, window_frames: int = 3, min_shot_s: float = 0.6
    ) -> None:
        self._fps = fps
        self._detector = AdaptiveDetector(
            adaptive_threshold=adaptive_threshold, window_width=window_frames, min_scene_len=min_shot_s
        )
        self._cuts: list[int] = []

    def feed(self, index: int, image: NDArray[np.uint8]) -> None:
        """Take the next (H, W, 3) RGB frame of the grid."""
        height = max(2, round(image.shape[0] * PICTURE_PX / image.shape[1]))
        small = cv2.resize(image, (PICTURE_PX, height), interpolation=cv2.INTER_AREA)
        found = self._detector.process_frame(
            FrameTimecode(index, fps=float(self._fps)), cv2.cvtColor(small, cv2.COLOR_RGB2BGR)
        )
        self._cuts += [cut.frame_num for cut in found]

    def cuts(self) -> tuple[int, ...]:
        """Return the grid indexes at which a new shot begins, rising, the first frame not among them."""
        return tuple(sorted(set(self._cuts)))
