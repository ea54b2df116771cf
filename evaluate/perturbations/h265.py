"""Encodes the pictures with H.265 (x265) at a constant rate factor."""

from collections.abc import Mapping
from dataclasses import replace

from evaluate.detection.detector import Medium
from evaluate.detection.recording import Recording

SEVERITIES: Mapping[str, int] = {f"crf {crf}": crf for crf in (23, 28, 33, 40)}
CHANGES: tuple[Medium, ...] = ("picture",)


def h265(recording: Recording, level: int) -> Recording:
    """Code as x265 does at `level` (CRF, 0 lossless to 51), preset veryfast."""
    options = {"crf": str(level), "preset": "veryfast"}
    return replace(recording, coding=replace(recording.coding, video="libx265", options=options))
