"""Identity embedding: dlib's face-recognition ResNet on a face brought upright by the mesh's five points.

The network's cosines sit high, because its embeddings share a large common part: pictures of one person come out
near 0.98, of two people near 0.84. dlib's own rule (within 0.6 is one person) lies at about SAME_PERSON_COSINE.
"""

from functools import cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from curate import weights

WEIGHTS = "dlib_face_recognition"
CHIP_PX = 150
SAME_PERSON_COSINE = 0.92  # 1 - 0.6^2 / (2 * 1.47^2): dlib's distance of 0.6 between embeddings 1.47 long

# Where curate.mesh.five_points fall in dlib's own chips (its 5-point predictor, padding 0.25), as the mean over 215
# frames of 29 talking-head clips. The eyes hold within 1.3 px, nose and mouth wander with pose and speech by 3 to 4:
# hence their lesser weight. The embeddings agree with those of dlib's own chips at a mean cosine of 0.9965.
TEMPLATE = np.array([[46.6, 46.9], [101.5, 46.8], [73.8, 79.3], [51.4, 104.1], [96.8, 104.3]])
POINT_WEIGHTS = np.array([1.0, 1.0, 0.3, 0.3, 0.3])


def embed(image: NDArray[np.uint8], five_points: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the (128,) unit vector of a face in an (H, W, 3) RGB picture; a higher dot product is a surer match.

    `five_points` (5, 2) are right eye, left eye, nose tip, right and left mouth corner in px. Deterministic. Raises
    WeightsError when the model is missing. Source: dlib_face_recognition_resnet_model_v1 (Davis King, CC0).
    """
    vector = np.asarray(_network().compute_face_descriptor(face_chip(image, five_points)), np.float64)
    return (vector / np.linalg.norm(vector)).astype(np.float32)


def face_chip(image: NDArray[np.uint8], five_points: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Return the (150, 150, 3) upright face that the network reads; black beyond the picture's edge."""
    to_chip = similarity_transform(five_points.astype(np.float64), TEMPLATE, POINT_WEIGHTS)
    shrinks = float(np.hypot(*to_chip[:, 0])) < 0.5
    if shrinks:  # a bilinear warp that skips pixels aliases: bring the picture near the chip's scale first
        image, to_chip = _shrunk(image, to_chip)
    return np.asarray(cv2.warpAffine(image, to_chip, (CHIP_PX, CHIP_PX), flags=cv2.INTER_LINEAR), np.uint8)


def similarity_transform(
    source: NDArray[np.float64], target: NDArray[np.float64], point_weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the (2, 3) turn, scale and shift that take (n, 2) source points nearest to target (weighted squares)."""
    share = point_weights / point_weights.sum()
    source_centre, target_centre = share @ source, share @ target
    s, t = source - source_centre, target - target_centre
    spread = float(share @ np.sum(s**2, axis=1)) + 1e-12
    along = float(share @ np.sum(s * t, axis=1)) / spread
    across = float(share @ (s[:, 0] * t[:, 1] - s[:, 1] * t[:, 0])) / spread
    turn = np.array([[along, -across], [across, along]])
    return np.column_stack([turn, target_centre - turn @ source_centre])


def _shrunk(image: NDArray[np.uint8], to_chip: NDArray[np.float64]) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    scale = float(np.hypot(*to_chip[:, 0]))
    height, width = image.shape[:2]
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
    back = np.array([width / size[0], height / size[1]])
    # pixel centres: x_big = (x_small + 0.5) * back - 0.5
    shift = to_chip[:, :2] @ (0.5 * back - 0.5) + to_chip[:, 2]
    return small, np.column_stack([to_chip[:, :2] * back, shift])


@cache
def _network() -> Any:
    import dlib

    return dlib.face_recognition_model_v1(str(weights.path(WEIGHTS)))
