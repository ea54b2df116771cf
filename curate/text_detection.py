"""Finds text in a picture with PaddleOCR's detector, a network that marks the cores of text lines.

Source: Liao et al., Real-time scene text detection with differentiable binarization, 2020; PP-OCRv6 small (Apache-2.0)
as converted by RapidOCR 3.10. Nothing is read: the boxes are what counts.
"""

from functools import cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from curate import weights
from curate.onnx_session import load_session

WEIGHTS = "pp_ocr_v6_det_small"
_STEP = 32  # px: the network takes sides that are multiples of it
_CORE = 0.3  # a pixel's probability
_BOX = 0.65  # a box's mean probability; at RapidOCR's 0.5 collars and folds are text
_TALLEST = 0.3  # of the picture's height: the network takes some faces that fill the picture for one huge letter
_GROW = 1.6  # of a core's area over its outline: the distance to the text's true edge
_MIN_SIDE_PX = 3

Boxes = NDArray[np.float32]


def text_boxes(image: NDArray[np.uint8]) -> Boxes:
    """Return the (N, 4, 2) corners in px of the text lines in an (H, W, 3) RGB picture; H and W multiples of 32."""
    height, width = image.shape[:2]
    if height % _STEP or width % _STEP:
        raise ValueError(f"a picture of {width}x{height} px: both sides must be multiples of {_STEP}")
    scaled = image[..., ::-1].transpose(2, 0, 1)[None].astype(np.float32) / 127.5 - 1
    return boxes_of(_session().run(None, {"x": scaled})[0][0, 0])


def boxes_of(probability: NDArray[np.float32]) -> Boxes:
    """Return the (N, 4, 2) corners of the text lines whose cores an (H, W) map of probabilities shows."""
    cores = cv2.dilate((probability > _CORE).astype(np.uint8), np.ones((2, 2), np.uint8))
    outlines, _ = cv2.findContours(cores, cv2.RETR_LIST, cv2.CHAIN_APPROX_SIMPLE)
    rectangles = [cv2.minAreaRect(outline) for outline in outlines]
    likely = [r for r in rectangles if min(r[1]) >= _MIN_SIDE_PX and _mean_inside(probability, r) >= _BOX]
    lines = [line for line in map(_grown, likely) if min(line[1]) <= _TALLEST * len(probability)]
    return np.asarray([cv2.boxPoints(line) for line in lines], np.float32).reshape(-1, 4, 2)


def covered(boxes: Boxes, *, height: int, width: int) -> float:
    """Return the share of a picture that lies in at least one of the (N, 4, 2) boxes, in [0, 1]."""
    mask = np.zeros((height, width), np.uint8)
    for box in boxes:
        cv2.fillPoly(mask, [box.round().astype(np.int32)], 1)
    return float(mask.mean())


def _mean_inside(probability: NDArray[np.float32], rectangle: Any) -> float:
    mask = np.zeros(probability.shape, np.uint8)
    cv2.fillPoly(mask, [cv2.boxPoints(rectangle).astype(np.int32)], 1)
    return float(cv2.mean(probability, mask)[0])


def _grown(rectangle: Any) -> Any:
    centre, (width, height), angle = rectangle
    distance = _GROW * width * height / (2 * (width + height))
    return centre, (width + 2 * distance, height + 2 * distance), angle


@cache
def _session() -> Any:
    return load_session(weights.path(WEIGHTS))
