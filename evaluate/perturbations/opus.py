"""Encodes the sound with Opus, as calls and web videos do."""

from collections.abc import Mapping
from dataclasses import replace

from evaluate.detection.detector import Medium
from evaluate.detection.recording import Recording

SEVERITIES: Mapping[str, int] = {f"{rate} kbit/s": 1000 * rate for rate in (32, 16, 12)}
CHANGES: tuple[Medium, ...] = ("sound",)


def opus(recording: Recording, level: int) -> Recording:
    """Code the sound at `level` bit/s."""
    return replace(recording, coding=replace(recording.coding, sound="libopus", sound_bit_rate=level))
