"""How far the eyes are closed on every frame, by the blendshapes of MediaPipe's Face Landmarker."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from evaluate.networks import face_landmarker
from evaluate.networks.face_landmarker import BLENDSHAPE_NAMES, N_MESH, blendshapes, face_points
from evaluate.observation import FACE_WEIGHTS, Observation, find_face

WEIGHTS = (face_landmarker.WEIGHTS, *FACE_WEIGHTS)
PACKAGES = ("ai-edge-litert", "opencv-python")
PROTOCOL = {
    "features": "mean of eyeBlinkLeft and eyeBlinkRight of MediaPipe's Face Landmarker, in [0, 1]",
    "face": "landmark model on the square around the last frame's landmarks, fitted twice, no smoothing over time",
    "every_frame": "of the tracked face, 25 fps, whatever the choice of frames",
}
EYES = [BLENDSHAPE_NAMES.index("eyeBlinkLeft"), BLENDSHAPE_NAMES.index("eyeBlinkRight")]


def eye_blink(observation: Observation) -> NDArray[np.float32]:
    """(F, 1) of the track's F frames: 0 is wide open, about 0.6 closed; nan where the face is lost.

    The embedded mesh can't tell: its eyelids hardly follow a blink (correlations with these scores of 0.1 to 0.7).
    """
    track = observation.track
    scores = np.full((len(track), 1), np.nan, np.float32)
    near: NDArray[np.float32] | None = None
    for picture in observation.frames():
        place = picture.index - track.first
        if not 0 <= place < len(track) or not track.confidence[place]:
            near = None
            continue
        if near is None:
            near = find_face(picture.image, near=track.points[place].mean(axis=0))
        if near is not None:
            points = face_points(picture.image, near=near)
            near = points[:N_MESH]
            scores[place] = blendshapes(points)[EYES].mean()
    return scores
