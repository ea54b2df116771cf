"""Passes every picture through JPEG, as a video made of saved pictures has been."""

from collections.abc import Mapping
from dataclasses import replace

import cv2
import numpy as np

from evaluate.detection.detector import Medium
from evaluate.detection.recording import Recording

SEVERITIES: Mapping[str, int] = {f"q {quality}": quality for quality in (95, 80, 65, 50, 30)}
CHANGES: tuple[Medium, ...] = ("picture",)


def jpeg(recording: Recording, level: int) -> Recording:
    """Code each picture alone at quality `level` (1 to 100), with halved chroma."""
    quality = [cv2.IMWRITE_JPEG_QUALITY, level]
    files = (cv2.imencode(".jpg", frame[..., ::-1], quality)[1] for frame in recording.frames)
    frames = np.stack([np.asarray(cv2.imdecode(file, cv2.IMREAD_COLOR), np.uint8)[..., ::-1] for file in files])
    return replace(recording, frames=frames)
