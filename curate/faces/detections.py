"""What every face detector returns."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True, eq=False)
class Detections:
    """N faces of one picture, best first.

    `boxes` (N, 4): left, top, right, bottom in px; `keypoints` (N, 6, 2): right eye, left eye, nose tip, mouth, right
    ear, left ear in px (the subject's right); `scores` (N,) in [0, 1], higher is surer.
    """

    boxes: NDArray[np.float32]
    keypoints: NDArray[np.float32]
    scores: NDArray[np.float32]

    @classmethod
    def none(cls) -> "Detections":
        """No face."""
        return cls(
            boxes=np.zeros((0, 4), np.float32),
            keypoints=np.zeros((0, 6, 2), np.float32),
            scores=np.zeros(0, np.float32),
        )

    def __len__(self) -> int:
        return len(self.scores)
