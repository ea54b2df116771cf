"""Encodes the sound with AAC at a lower bit rate."""

from collections.abc import Mapping
from dataclasses import replace

from evaluate.detection.detector import Medium
from evaluate.detection.recording import Recording

SEVERITIES: Mapping[str, int] = {f"{rate} kbit/s": 1000 * rate for rate in (48, 24, 16)}
CHANGES: tuple[Medium, ...] = ("sound",)


def aac(recording: Recording, level: int) -> Recording:
    """Code the sound at `level` bit/s, with FFmpeg's own encoder (AAC-LC)."""
    return replace(recording, coding=replace(recording.coding, sound="aac", sound_bit_rate=level))
