"""On which of a video's frames the tracked face is found."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from evaluate.observation import FACE_WEIGHTS, Observation

WEIGHTS = FACE_WEIGHTS
PACKAGES = ("ai-edge-litert", "opencv-python")
PROTOCOL = {
    "features": "1 where the longest face track has a detected face, else 0",
    "every_frame": "of the 25 fps grid, whatever the choice of frames",
}


def face_presence(observation: Observation) -> NDArray[np.float32]:
    """(F, 1) of the video's F frames: 1 where the longest track's face is found, 0 where it is lost or filled in.

    A video without any face is no failure here: it is 0 throughout.
    """
    analysis = observation.analysis
    found = np.zeros((analysis.n_frames, 1), np.float32)
    if analysis.tracks:
        track = max(analysis.tracks, key=len)
        first = track.first - analysis.first
        found[first : first + len(track), 0] = track.confidence > 0
    return found
