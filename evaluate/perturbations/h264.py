"""Encodes the pictures once more with H.264 (x264) at a constant rate factor."""

from collections.abc import Mapping
from dataclasses import replace

from evaluate.detection.detector import Medium
from evaluate.detection.recording import Recording

SEVERITIES: Mapping[str, int] = {f"crf {crf}": crf for crf in (18, 23, 28, 33, 40)}
CHANGES: tuple[Medium, ...] = ("picture",)


def h264(recording: Recording, level: int) -> Recording:
    """Code as x264 does at `level` (CRF, 0 to 51), preset veryfast; CRF 18, the quality of matched clips, shows what a
    second encode alone does."""
    options = {"crf": str(level), "preset": "veryfast"}
    return replace(recording, coding=replace(recording.coding, video="libx264", options=options))
