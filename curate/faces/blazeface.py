"""BlazeFace full-range detector (sparse), run by LiteRT on one core."""

from dataclasses import dataclass
from functools import cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from curate import weights
from curate.faces.detections import Detections
from curate.faces.litert import load_interpreter

INPUT_PX = 192
GRID = 48  # one anchor a cell, at the cell's centre
OVERLAP = 0.3  # boxes that overlap more are one face


def blazeface(image: NDArray[np.uint8], *, min_score: float = 0.5) -> Detections:
    """Find faces, best first, in an (H, W, 3) RGB picture.

    Boxes run from the brows to the chin. The six keypoints are the right eye, left eye, nose tip, mouth, right ear and
    left ear (the subject's right), all in picture pixels. Source: MediaPipe's full-range model, Apache-2.0.
    """
    picture, letterbox = _letterbox(image)
    values, logits = _run(picture)
    scores = (1.0 / (1.0 + np.exp(-np.clip(logits, -80.0, 80.0)))).astype(np.float32)
    likely = np.flatnonzero(scores >= min_score)
    if not len(likely):
        return Detections.none()
    points = values[likely].reshape(-1, 8, 2)
    centres = points[:, 0] + _anchors()[likely]
    half = points[:, 1] / 2
    boxes = letterbox.to_picture(np.stack([centres - half, centres + half], axis=1)).reshape(-1, 4)
    keypoints = letterbox.to_picture(points[:, 2:] + _anchors()[likely, None])
    return _best(boxes, keypoints, scores[likely], min_score=min_score)


@dataclass(frozen=True, kw_only=True)
class _Letterbox:
    scale: float
    left_px: float
    top_px: float

    def to_picture(self, points: NDArray[np.float32]) -> NDArray[np.float32]:
        offset = np.array([self.left_px, self.top_px], np.float32)
        return ((points - offset) / np.float32(self.scale)).astype(np.float32)


def _letterbox(image: NDArray[np.uint8]) -> tuple[NDArray[np.float32], _Letterbox]:
    height, width = image.shape[:2]
    scale = INPUT_PX / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    left, top = (INPUT_PX - size[0]) // 2, (INPUT_PX - size[1]) // 2
    picture = np.zeros((INPUT_PX, INPUT_PX, 3), np.float32)
    picture[top : top + size[1], left : left + size[0]] = small / np.float32(127.5) - 1
    return picture, _Letterbox(scale=scale, left_px=left, top_px=top)


def _best(
    boxes: NDArray[np.float32], keypoints: NDArray[np.float32], scores: NDArray[np.float32], *, min_score: float
) -> Detections:
    corners_and_size = np.concatenate([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]], axis=1)
    kept = np.asarray(cv2.dnn.NMSBoxes(corners_and_size.tolist(), scores.tolist(), min_score, OVERLAP), int).reshape(-1)
    return Detections(boxes=boxes[kept], keypoints=keypoints[kept], scores=scores[kept])


@cache
def _anchors() -> NDArray[np.float32]:
    centres = (np.arange(GRID, dtype=np.float32) + 0.5) * (INPUT_PX / GRID)
    return np.stack(np.meshgrid(centres, centres), axis=-1).reshape(-1, 2)


@cache
def _interpreter() -> Any:
    return load_interpreter(weights.path("blazeface_full_range_sparse"))


def _run(picture: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    interpreter = _interpreter()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], picture[None])
    interpreter.invoke()
    values, logits = (interpreter.get_tensor(output["index"])[0] for output in interpreter.get_output_details())
    return np.asarray(values, np.float32), np.asarray(logits[:, 0], np.float32)
