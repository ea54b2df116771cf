"""Encodes the sound with MP3."""

from collections.abc import Mapping
from dataclasses import replace

from evaluate.detection.detector import Medium
from evaluate.detection.recording import Recording

SEVERITIES: Mapping[str, int] = {f"{rate} kbit/s": 1000 * rate for rate in (48, 24, 8)}
CHANGES: tuple[Medium, ...] = ("sound",)


def mp3(recording: Recording, level: int) -> Recording:
    """Code the sound at `level` bit/s, with LAME."""
    return replace(recording, coding=replace(recording.coding, sound="libmp3lame", sound_bit_rate=level))
