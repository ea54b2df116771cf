"""Encodes the pictures with AV1 (SVT-AV1) at a constant rate factor."""

from collections.abc import Mapping
from dataclasses import replace

from evaluate.detection.detector import Medium
from evaluate.detection.recording import Recording

SEVERITIES: Mapping[str, int] = {f"crf {crf}": crf for crf in (30, 40, 50, 60)}
CHANGES: tuple[Medium, ...] = ("picture",)


def av1(recording: Recording, level: int) -> Recording:
    """Code as SVT-AV1 does at `level` (CRF, 0 to 63), preset 10."""
    options = {"crf": str(level), "preset": "10"}
    return replace(recording, coding=replace(recording.coding, video="libsvtav1", options=options))
