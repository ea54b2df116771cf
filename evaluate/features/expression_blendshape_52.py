"""Expression as MediaPipe's 52 blendshape scores of the tracked face."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from evaluate.networks import face_landmarker
from evaluate.observation import FACE_WEIGHTS, Observation

WEIGHTS = (face_landmarker.WEIGHTS, *FACE_WEIGHTS)
PACKAGES = ("ai-edge-litert", "opencv-python")
PROTOCOL = {
    "features": "52 blendshape scores in [0, 1] of MediaPipe's Face Landmarker",
    "variant": "blendshape_52",
    "face": "landmark model on the square around the tracked mesh, fitted twice, no smoothing over time",
}


def expression_blendshape_52(observation: Observation) -> NDArray[np.float32]:
    """Scores (k, 52), named by face_landmarker.BLENDSHAPE_NAMES, of the k chosen frames that show the face.

    The same numbers as MediaPipe's Face Landmarker gives, but for its smoothing of a video's landmarks. Blendshapes are
    made to leave identity out, which they do in part: read a set distance against its real-vs-real floor.
    """
    return np.stack([_scores(face.picture.image, face.points) for face in observation.faces])


def _scores(image: NDArray[np.uint8], mesh: NDArray[np.float32]) -> NDArray[np.float32]:
    return face_landmarker.blendshapes(face_landmarker.face_points(image, near=mesh))
