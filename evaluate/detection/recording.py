"""A short video held in memory, and how it is to be written: what perturbations take and give."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True)
class Coding:
    """How pictures and sound are coded, in FFmpeg's names; `options` go to the video encoder as they are."""

    video: str = "libx264"
    options: Mapping[str, str] = field(default_factory=lambda: {"crf": "18", "preset": "veryfast"})
    sound: str = "aac"
    sound_bit_rate: int | None = 64_000


@dataclass(frozen=True, kw_only=True, eq=False)
class Recording:
    """`frames` (F, H, W, 3) uint8 RGB with even sides at `fps`; `samples` (n,) in [-1, 1] at `sample_rate_hz`, or None
    without sound; `coding` is how it will be written."""

    frames: NDArray[np.uint8]
    fps: float = 25.0
    samples: NDArray[np.float32] | None = None
    sample_rate_hz: int = 16_000
    coding: Coding = field(default_factory=Coding)
