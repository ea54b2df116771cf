"""Identity embeddings of the tracked face by ArcFace: opt-in, since its weights are for non-commercial research only.

Source: Deng et al., ArcFace, 2019; deepinsight/insightface, w600k_r50.onnx of its buffalo_l pack (MIT code).
"""

from __future__ import annotations

import logging
from functools import cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from curate import weights
from curate.errors import WeightsError
from curate.identity import similarity_transform
from curate.mesh import five_points
from curate.onnx_session import load_session
from evaluate.observation import FACE_WEIGHTS, Observation

WEIGHTS = ("arcface_w600k_r50", *FACE_WEIGHTS)
PACKAGES = ("onnxruntime", "ai-edge-litert", "opencv-python")
PROTOCOL = {
    "network": "ArcFace IResNet-50 trained on WebFace600K, 512-d, unit length",
    "alignment": "similarity (Umeyama) from the mesh's five points to insightface's 112 px template",
    "range": "(value - 127.5) / 127.5, RGB",
}
CHIP_PX = 112
# Where insightface's arcface_dst puts the eyes, the nose tip and the mouth's corners; the picture's left comes first
TEMPLATE = np.array(
    [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]]
)

log = logging.getLogger(__name__)


def identity_arcface(observation: Observation) -> NDArray[np.float32]:
    """Unit embeddings (k, 512) of the k chosen frames that show the face; a higher dot product is a surer match."""
    return np.stack([_embedding(face_chip(face.picture.image, face.points)) for face in observation.faces])


def face_chip(image: NDArray[np.uint8], mesh: NDArray[np.float32]) -> NDArray[np.uint8]:
    """The (112, 112, 3) upright face of an (H, W, 3) RGB picture whose mesh is (468, 3); black beyond its edge."""
    to_chip = similarity_transform(five_points(mesh).astype(np.float64), TEMPLATE, np.ones(len(TEMPLATE)))
    return np.asarray(cv2.warpAffine(image, to_chip, (CHIP_PX, CHIP_PX), flags=cv2.INTER_LINEAR), np.uint8)


def _embedding(chip: NDArray[np.uint8]) -> NDArray[np.float32]:
    session = _session()
    values = np.ascontiguousarray((chip.astype(np.float32) - 127.5).transpose(2, 0, 1)[None] / 127.5)
    vector = np.asarray(session.run(None, {session.get_inputs()[0].name: values})[0][0], np.float64)
    return (vector / np.linalg.norm(vector)).astype(np.float32)


@cache
def _session() -> Any:
    if weights.find(WEIGHTS[0]) is None:
        raise WeightsError(
            "the feature 'identity_arcface' needs w600k_r50.onnx, whose licence allows non-commercial research only: "
            "take it out of buffalo_l.zip (github.com/deepinsight/insightface, release v0.7) into a folder named by "
            f"EMOFORGE_WEIGHTS, or run: emoforge weights fetch {WEIGHTS[0]}"
        )
    log.warning("ArcFace is in use: its weights are licensed for non-commercial research only")
    return load_session(weights.path(WEIGHTS[0]))
