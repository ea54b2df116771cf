"""Expression as 21 lengths of the face mesh, with head pose and size taken away."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from curate.expression import expression_vector
from evaluate.observation import FACE_WEIGHTS, Observation

WEIGHTS = FACE_WEIGHTS
PACKAGES = ("ai-edge-litert", "opencv-python")
PROTOCOL = {
    "features": "21 lengths of the 468-point mesh along the head's own axes, in upper-face heights",
    "variant": "mesh",
}


def expression_mesh(observation: Observation) -> NDArray[np.float32]:
    """Expression vectors (k, 21), named by NAMES, of the k chosen frames that show the face.

    They still carry a person's own proportions (a wide mouth is a wide mouth): a set distance reads them against a
    real-vs-real floor, and across identities that floor is high.
    """
    return np.stack([expression_vector(face.points) for face in observation.faces]).astype(np.float32)
