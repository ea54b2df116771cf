"""Whose face a sampled frame shows, if any: what tells a broken clip from a sound one."""

import cv2
import numpy as np
from numpy.typing import NDArray

from curate.faces.blazeface import blazeface
from curate.identity import embed
from curate.mesh import five_points, mesh

SMALLEST_PX = 256  # a smaller picture is enlarged: the detector misses the faces of 64 px
BORDER_SHARE = 0.25  # of the side, added all around: the detector also misses faces that fill the picture
MIN_CONFIDENCE = 0.5  # of the mesh


def face_identity(picture: NDArray[np.uint8]) -> NDArray[np.float32] | None:
    """Return the (128,) unit vector of the surest face in (S, S, 3) RGB, or None where there is none.

    WeightsError when a model is missing.
    """
    side = max(picture.shape[0], SMALLEST_PX)
    large = np.asarray(cv2.resize(picture, (side, side), interpolation=cv2.INTER_CUBIC), np.uint8)
    large = _bordered(large, round(side * BORDER_SHARE))
    faces = blazeface(large)
    for box, keypoints in zip(faces.boxes, faces.keypoints, strict=True):
        found = mesh(large, box=box, keypoints=keypoints)
        if found.confidence >= MIN_CONFIDENCE:
            return embed(large, five_points(found.points))
    return None


def _bordered(picture: NDArray[np.uint8], px: int) -> NDArray[np.uint8]:
    return np.asarray(cv2.copyMakeBorder(picture, px, px, px, px, cv2.BORDER_REPLICATE), np.uint8)
