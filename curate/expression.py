"""Expression as 21 lengths of the face mesh, with head pose and size taken away."""

import numpy as np
from numpy.typing import NDArray

from curate import mesh

NOSE_BASE = 2
"""Under the nose; with the forehead's top it spans the upper face, which speech does not stretch like the chin."""

# MediaPipe's point numbers; right and left are the subject's.
DISTANCES: dict[str, tuple[int, int]] = {
    "lip_gap": (13, 14),
    "lip_gap_right": (82, 87),
    "lip_gap_left": (312, 317),
    "mouth_height": (0, 17),
    "mouth_width": (61, 291),
    "inner_mouth_width": (78, 308),
    "upper_lip": (0, 13),
    "lower_lip": (14, 17),
    "nose_to_lip": (NOSE_BASE, 0),
    "jaw_drop": (NOSE_BASE, mesh.CHIN),
    "eye_gap_right": (mesh.RIGHT_LID_UPPER, mesh.RIGHT_LID_LOWER),
    "eye_gap_left": (mesh.LEFT_LID_UPPER, mesh.LEFT_LID_LOWER),
    "brow_gap": (55, 285),
}
# How far the first point lies above the second, along the head's own downward axis.
HEIGHTS: dict[str, tuple[int, int]] = {
    "brow_inner_right": (55, mesh.RIGHT_EYE_INNER),
    "brow_outer_right": (70, mesh.RIGHT_EYE_OUTER),
    "brow_inner_left": (285, mesh.LEFT_EYE_INNER),
    "brow_outer_left": (300, mesh.LEFT_EYE_OUTER),
}
MOUTH_PLACES = ("corner_raise_right", "corner_raise_left", "mouth_forward", "mouth_sideways")
NAMES = (*DISTANCES, *HEIGHTS, *MOUTH_PLACES)


def expression_vector(points: NDArray[np.float32]) -> NDArray[np.float64]:
    """The (21,) vector of a mesh (468, 3), in upper-face heights; unchanged when the head turns, moves or nears."""
    face = upright(points)
    distances = [float(np.linalg.norm(face[a] - face[b])) for a, b in DISTANCES.values()]
    heights = [float(face[b, 1] - face[a, 1]) for a, b in HEIGHTS.values()]
    return np.array([*distances, *heights, *_mouth_places(face)])


def upright(points: NDArray[np.float32]) -> NDArray[np.float64]:
    """The mesh (468, 3) on the head's axes (rightwards, down, forward), from under the nose, in upper-face heights."""
    centred = points.astype(np.float64) - points[NOSE_BASE]
    height = float(np.linalg.norm(centred[mesh.FOREHEAD])) + 1e-9
    return np.asarray(centred @ mesh.rotation(points) / height, np.float64)


def _mouth_places(face: NDArray[np.float64]) -> list[float]:
    lips = (face[0] + face[17]) / 2
    right, left = face[mesh.RIGHT_MOUTH], face[mesh.LEFT_MOUTH]
    return [
        float(lips[1] - right[1]),
        float(lips[1] - left[1]),
        float(lips[2] - (right[2] + left[2]) / 2),
        float(lips[0]),
    ]
