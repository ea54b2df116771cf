"""Expression as the 64 expression coefficients of Deep3DFaceRecon, the likeliest reading of the EMO paper's E-FID."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from curate.mesh import five_points
from curate.one_thread import one_thread
from evaluate.networks import deep3d
from evaluate.observation import FACE_WEIGHTS, Face, Observation

WEIGHTS = (deep3d.WEIGHTS, deep3d.POINTS_WEIGHTS, *FACE_WEIGHTS)
PACKAGES = ("torch", "torchvision", "pillow", "ai-edge-litert", "opencv-python")
PROTOCOL = {
    "features": "coefficients 80 to 143 of the 257 of Deep3DFaceRecon's ResNet-50",
    "variant": "deep3d_64",
    "alignment": "reference's fit to five standard points, 102 px a unit, PIL bicubic, 224 px, not turned upright",
    "landmarks": "five points of the 468-point mesh, where the reference takes them from its own 68",
    "range": "value / 255, RGB",
    "arithmetic": "float32, one face a call, one thread",
}


def expression_deep3d_64(observation: Observation) -> NDArray[np.float32]:
    """Coefficients (k, 64) of the k chosen frames that show the face.

    The paper says no more than "expression parameters by face reconstruction [Deng et al.]": Hallo's E-FID is of 79
    coefficients of another fit, EchoMimic's text speaks of Inception, and two checkpoints of this network are about.
    So a distance compares only with one of the same checkpoint, whose sha256 is in the protocol.
    """
    return np.stack([_expression(face) for face in observation.faces])


def _expression(face: Face) -> NDArray[np.float32]:
    aligned = deep3d.align(face.picture.image, five_points(face.points), deep3d.standard_points())
    picture = torch.from_numpy(aligned.astype(np.float32) / 255).permute(2, 0, 1)[None].contiguous()
    with torch.inference_mode(), one_thread():
        coefficients = deep3d.load_deep3d()(picture)[0]
    return np.asarray(coefficients[deep3d.EXPRESSION].numpy(), np.float32)
