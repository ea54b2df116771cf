"""Identity embeddings of the tracked face, by dlib's ResNet."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from curate import identity
from curate.mesh import five_points
from evaluate.observation import FACE_WEIGHTS, Observation

WEIGHTS = (identity.WEIGHTS, *FACE_WEIGHTS)
PACKAGES = ("dlib-bin", "ai-edge-litert", "opencv-python")
PROTOCOL = {
    "network": "dlib_face_recognition_resnet_model_v1, 128-d, unit length",
    "alignment": "similarity from the mesh's five points to dlib's 150 px chip",
}


def identity_dlib(observation: Observation) -> NDArray[np.float32]:
    """Unit embeddings (k, 128) of the k chosen frames that show the face; see curate.identity for what cosines mean."""
    return np.stack([identity.embed(face.picture.image, five_points(face.points)) for face in observation.faces])
