"""The 468-point face mesh, and what is read off it: pose, mouth, eyes, five points and the face's box.

Point numbers are MediaPipe's face-mesh indices. Source of the model: MediaPipe face_landmark.tflite, Apache-2.0.
"""

from dataclasses import dataclass
from functools import cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from curate import weights
from curate.faces.litert import load_interpreter

INPUT_PX = 192
ROI_SCALE = 1.5  # MediaPipe: the rotated square is 1.5 times the detection's longer side

FOREHEAD, CHIN, RIGHT_SIDE, LEFT_SIDE = 10, 152, 234, 454
UPPER_LIP, LOWER_LIP, RIGHT_MOUTH, LEFT_MOUTH = 13, 14, 61, 291
RIGHT_EYE_OUTER, RIGHT_EYE_INNER, RIGHT_LID_UPPER, RIGHT_LID_LOWER = 33, 133, 159, 145
LEFT_EYE_INNER, LEFT_EYE_OUTER, LEFT_LID_UPPER, LEFT_LID_LOWER = 362, 263, 386, 374
NOSE_TIP = 1

Points = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True, eq=False)
class Mesh:
    """`points` (468, 3) in picture px, z on the same scale and smaller nearer; `confidence` in [0, 1]."""

    points: Points
    confidence: float


@dataclass(frozen=True, kw_only=True)
class Roi:
    """The turned square of a picture that the model looks at, px; `angle_deg` > 0 tilts clockwise in the picture."""

    x: float
    y: float
    side: float
    angle_deg: float


def mesh(image: NDArray[np.uint8], *, box: NDArray[np.float32], keypoints: NDArray[np.float32]) -> Mesh:
    """Fit the mesh to one face of an (H, W, 3) RGB picture; box (4,) and keypoints (6, 2) as a detector gives them."""
    return fit(image, roi_of_detection(box, keypoints))


def roi_of_detection(box: NDArray[np.float32], keypoints: NDArray[np.float32]) -> Roi:
    """Return where to look for the mesh of a detected face: box (4,) and keypoints (6, 2), px."""
    return _roi(box, keypoints[1] - keypoints[0])


def roi_of_mesh(points: Points) -> Roi:
    """Return where to look for the face of mesh `points` (468, 3) in the next frame."""
    return _roi(hull_box(points), points[LEFT_EYE_OUTER, :2] - points[RIGHT_EYE_OUTER, :2])


def fit(image: NDArray[np.uint8], roi: Roi) -> Mesh:
    """Fit the mesh to what an (H, W, 3) RGB picture shows in the square."""
    to_roi = _transform(roi)
    square = cv2.warpAffine(image, to_roi, (INPUT_PX, INPUT_PX), flags=cv2.INTER_LINEAR)
    raw, logit = _run(np.multiply(square, np.float32(1 / 255)))
    to_picture = cv2.invertAffineTransform(to_roi)
    scale = float(np.hypot(to_picture[0, 0], to_picture[1, 0]))
    flat = raw[:, :2] @ to_picture[:, :2].T + to_picture[:, 2]
    points = np.concatenate([flat, raw[:, 2:] * scale], axis=1).astype(np.float32)
    return Mesh(points=points, confidence=float(1.0 / (1.0 + np.exp(-np.clip(logit, -80.0, 80.0)))))


def head_pose_deg(points: Points) -> tuple[float, float, float]:
    """Return (yaw, pitch, roll) in degrees; zero faces the camera; yaw > 0 turns to the picture's right, pitch > 0 is
    up, roll > 0 tilts clockwise in the picture. Read off the mesh's own axes, so pitch carries the face's own slope
    (a few degrees, constant for a person)."""
    right, _down, forward = rotation(points).T
    yaw = np.degrees(np.arctan2(-forward[0], -forward[2]))
    pitch = np.degrees(np.arcsin(np.clip(forward[1], -1.0, 1.0)))
    roll = np.degrees(np.arctan2(right[1], right[0]))
    return float(-yaw), float(-pitch), float(roll)


def rotation(points: Points) -> NDArray[np.float64]:
    """Return the (3, 3) rotation of the head: columns are the face's right-to-left, down and forward axes."""
    across = (points[LEFT_SIDE] - points[RIGHT_SIDE]).astype(np.float64)
    down = (points[CHIN] - points[FOREHEAD]).astype(np.float64)
    across /= np.linalg.norm(across) + 1e-9
    down -= across * (down @ across)
    down /= np.linalg.norm(down) + 1e-9
    (ax, ay, az), (dx, dy, dz) = across, down
    forward = dy * az - dz * ay, dz * ax - dx * az, dx * ay - dy * ax  # by hand: np.cross takes 80 us
    return np.stack([across, down, forward], axis=1)


def rotation_between_deg(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    """Return the angle in degrees of the rotation that takes one head rotation to the other."""
    cosine = (np.trace(first.T @ second) - 1) / 2
    return float(np.degrees(np.arccos(np.clip(cosine, -1.0, 1.0))))


def face_height(points: Points) -> float:
    """Return the distance from the forehead's top to the chin, in px (3-D, so that nodding does not change it)."""
    return _distance(points, FOREHEAD, CHIN) + 1e-9


def mouth_aperture(points: Points) -> float:
    """Return the gap between the inner lips over the face's height: 0 is closed, about 0.3 wide open."""
    return _distance(points, UPPER_LIP, LOWER_LIP) / face_height(points)


def mouth_width(points: Points) -> float:
    """Return the distance between the mouth's corners over the distance between the eyes' outer corners."""
    return _distance(points, RIGHT_MOUTH, LEFT_MOUTH) / (_distance(points, RIGHT_EYE_OUTER, LEFT_EYE_OUTER) + 1e-9)


def eye_openness(points: Points) -> float:
    """Return the eyes' height over their width, mean of both: about 0.3 open, under 0.15 closed."""
    right = _distance(points, RIGHT_LID_UPPER, RIGHT_LID_LOWER) / _distance(points, RIGHT_EYE_OUTER, RIGHT_EYE_INNER)
    left = _distance(points, LEFT_LID_UPPER, LEFT_LID_LOWER) / _distance(points, LEFT_EYE_INNER, LEFT_EYE_OUTER)
    return (right + left) / 2


def five_points(points: Points) -> NDArray[np.float32]:
    """Return (5, 2) in picture px: right eye, left eye, nose tip, right and left mouth corner (the subject's right)."""
    right_eye = (points[RIGHT_EYE_OUTER] + points[RIGHT_EYE_INNER]) / 2
    left_eye = (points[LEFT_EYE_OUTER] + points[LEFT_EYE_INNER]) / 2
    chosen = np.stack([right_eye, left_eye, points[NOSE_TIP], points[RIGHT_MOUTH], points[LEFT_MOUTH]])
    return chosen[:, :2].astype(np.float32)


def hull_box(points: Points) -> NDArray[np.float32]:
    """Return (4,) left, top, right, bottom of all points, in picture px: the face from hairline to chin."""
    return np.concatenate([points[:, :2].min(axis=0), points[:, :2].max(axis=0)]).astype(np.float32)


def _distance(points: Points, first: int, second: int) -> float:
    return float(np.linalg.norm(points[first] - points[second]))


def _roi(box: NDArray[np.float32], eyes: NDArray[np.float32]) -> Roi:
    """The square as MediaPipe cuts it: around the box, upright by the line from the right eye to the left."""
    return Roi(
        x=float(box[0] + box[2]) / 2,
        y=float(box[1] + box[3]) / 2,
        side=ROI_SCALE * max(float(max(box[2] - box[0], box[3] - box[1])), 1.0),
        angle_deg=float(np.degrees(np.arctan2(eyes[1], eyes[0]))),
    )


def _transform(roi: Roi) -> NDArray[np.float64]:
    """Return the (2, 3) transform from the picture to the model's upright square."""
    transform = np.asarray(cv2.getRotationMatrix2D((roi.x, roi.y), roi.angle_deg, INPUT_PX / roi.side), np.float64)
    transform[:, 2] += INPUT_PX / 2 - np.asarray((roi.x, roi.y))
    return transform


@cache
def _interpreter() -> Any:
    return load_interpreter(weights.path("face_mesh"))


def _run(roi: NDArray[np.float32]) -> tuple[NDArray[np.float32], float]:
    interpreter = _interpreter()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], roi[None])
    interpreter.invoke()
    points, logit = (interpreter.get_tensor(output["index"]) for output in interpreter.get_output_details())
    return points.reshape(468, 3), float(logit.reshape(()))
