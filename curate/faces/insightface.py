"""InsightFace's SCRFD detector, run by onnxruntime on one core: opt-in, since its weights are for research only.

Source: Guo et al., Sample and computation redistribution for efficient face detection, 2021; deepinsight/insightface,
det_10g.onnx of its buffalo_l pack (SCRFD-10GF with keypoints).
"""

import logging
from functools import cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from curate import weights
from curate.errors import WeightsError
from curate.faces.detections import Detections
from curate.onnx_session import load_session

WEIGHTS = ("scrfd_10g",)
INPUT_PX = 640
STRIDES = (8, 16, 32)
ANCHORS = 2  # a cell
OVERLAP = 0.4  # boxes that overlap more are one face
MEAN, SCALE = 127.5, 128.0

log = logging.getLogger(__name__)

Values = NDArray[np.float32]


def insightface(image: NDArray[np.uint8], *, min_score: float = 0.5) -> Detections:
    """Find faces, best first, in an (H, W, 3) RGB picture; boxes run from the forehead to the chin.

    Of the six keypoints SCRFD gives five: the mouth is the middle of its corners, and the ears, which it does not see,
    are put at the box's sides on the line through the eyes. WeightsError when the weights or onnxruntime are missing.
    """
    session = _session()
    picture, scale = _fitted(image)
    scores, boxes, points = decode(session.run(None, {session.get_inputs()[0].name: picture}), min_score=min_score)
    kept = _best(scores, boxes, min_score=min_score)
    boxes, points = boxes[kept] / scale, points[kept] / scale
    return Detections(boxes=boxes, keypoints=six_keypoints(points, boxes), scores=scores[kept])


def decode(outputs: list[Values], *, min_score: float) -> tuple[Values, Values, Values]:
    """Return scores (N,), boxes (N, 4) and points (N, 5, 2), in px of the 640 px input, of at least `min_score`.

    `outputs` are SCRFD's nine: for each stride the scores (K, 1), then the distances to the box's sides (K, 4), then
    the offsets of the points (K, 10), in units of the stride, from anchors two to a cell and row by row.
    """
    found = []
    for level, stride in enumerate(STRIDES):
        scores, sides, offsets = (outputs[level + len(STRIDES) * kind] for kind in range(3))
        likely = np.flatnonzero(scores[:, 0] >= min_score)
        centres = _anchors(stride)[likely]
        near, far = sides[likely, :2] * stride, sides[likely, 2:] * stride
        points = centres[:, None] + offsets[likely].reshape(-1, 5, 2) * stride
        found.append((scores[likely, 0], np.concatenate([centres - near, centres + far], axis=1), points))
    scores, boxes, points = (np.concatenate(parts).astype(np.float32) for parts in zip(*found, strict=True))
    return scores, boxes, points


def six_keypoints(points: Values, boxes: Values) -> Values:
    """Return (N, 6, 2) keypoints as Detections wants them from SCRFD's (N, 5, 2) and the boxes (N, 4).

    SCRFD's are the eyes, the nose and the mouth's corners, what is left in the picture first: the subject's right.
    """
    right_eye, left_eye, nose = points[:, 0], points[:, 1], points[:, 2]
    mouth = (points[:, 3] + points[:, 4]) / 2
    slope = (left_eye - right_eye)[:, 1] / np.maximum(np.abs((left_eye - right_eye)[:, 0]), 1.0)
    ears = [
        np.stack([side, right_eye[:, 1] + slope * (side - right_eye[:, 0])], axis=1)
        for side in (boxes[:, 0], boxes[:, 2])
    ]
    return np.stack([right_eye, left_eye, nose, mouth, *ears], axis=1).astype(np.float32)


def _fitted(image: NDArray[np.uint8]) -> tuple[Values, float]:
    """Return the (1, 3, 640, 640) input, the picture at its top left, and the picture's scale in it."""
    height, width = image.shape[:2]
    scale = INPUT_PX / max(height, width)
    small = cv2.resize(image, (max(1, int(width * scale)), max(1, int(height * scale))))
    picture = np.zeros((INPUT_PX, INPUT_PX, 3), np.float32)
    picture[: small.shape[0], : small.shape[1]] = small
    return np.ascontiguousarray(((picture - MEAN) / SCALE).transpose(2, 0, 1)[None], np.float32), scale


def _best(scores: Values, boxes: Values, *, min_score: float) -> NDArray[np.int64]:
    corners_and_size = np.concatenate([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]], axis=1)
    kept = cv2.dnn.NMSBoxes(corners_and_size.tolist(), scores.tolist(), min_score, OVERLAP)
    return np.asarray(kept, np.int64).reshape(-1)


@cache
def _anchors(stride: int) -> Values:
    """Corners of the cells, each as often as a cell has anchors, row by row."""
    corners = np.arange(INPUT_PX // stride, dtype=np.float32) * stride
    return np.repeat(np.stack(np.meshgrid(corners, corners), axis=-1).reshape(-1, 2), ANCHORS, axis=0)


@cache
def _session() -> Any:
    if weights.find(WEIGHTS[0]) is None:
        raise WeightsError(
            "the detector 'insightface' needs det_10g.onnx, whose licence allows non-commercial research only: take it "
            "out of buffalo_l.zip (github.com/deepinsight/insightface, release v0.7) into a folder named by "
            "EMOFORGE_WEIGHTS, or run: emoforge weights fetch scrfd_10g"
        )
    log.warning("insightface's detector is in use: its weights are licensed for non-commercial research only")
    return load_session(weights.path(WEIGHTS[0]))
