"""Lays a caption or a border over the pictures, as those who repost a video do."""

from collections.abc import Mapping
from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from evaluate.detection.detector import Medium
from evaluate.detection.recording import Recording

SEVERITIES: Mapping[str, tuple[float, float]] = {
    "caption": (0.0, 0.12),
    "border": (0.06, 0.0),
    "border and caption": (0.06, 0.12),
}
CHANGES: tuple[Medium, ...] = ("picture",)

TEXT = "WATCH UNTIL THE END"


def overlay(recording: Recording, level: tuple[float, float]) -> Recording:
    """Cover a border and a captioned bar at the bottom, each by its share of the height (0 for none)."""
    border, bar = (round(share * recording.frames.shape[1]) for share in level)
    return replace(recording, frames=np.stack([_covered(frame, border, bar) for frame in recording.frames]))


def _covered(frame: NDArray[np.uint8], border: int, bar: int) -> NDArray[np.uint8]:
    height, width = frame.shape[:2]
    covered = np.ascontiguousarray(frame).copy()
    if bar:
        top = height - border - bar
        covered[top : height - border] = 0
        (text_width, text_height), _ = cv2.getTextSize(TEXT, cv2.FONT_HERSHEY_SIMPLEX, 1.0, 2)
        scale = min(0.9 * width / text_width, 0.6 * bar / text_height)
        place = (round((width - scale * text_width) / 2), round(top + (bar + scale * text_height) / 2))
        cv2.putText(covered, TEXT, place, cv2.FONT_HERSHEY_SIMPLEX, scale, (255, 255, 255), 1, cv2.LINE_AA)
    if border:
        covered[:border] = covered[-border:] = 255
        covered[:, :border] = covered[:, -border:] = 255
    return covered
