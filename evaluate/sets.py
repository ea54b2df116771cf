"""What every metric is given: both sets of measured clips, and the settings that its protocol must name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evaluate.measure import Measured
from evaluate.results import Coverage


@dataclass(frozen=True, kw_only=True, eq=False)
class Sets:
    """`portraits`: stem -> (128,) identity embedding, or the reason why a picture gave none; None without portraits."""

    reference: tuple[Measured, ...]
    generated: tuple[Measured, ...]
    max_frames: int
    portraits: Mapping[str, NDArray[np.float32] | str] | None = None


def coverage(clips: Sequence[Measured], needed: str) -> Coverage:
    """Count the clips that have the feature or score `needed`; the others are named with their reasons."""
    failed = {clip.name: clip.failures[needed] for clip in clips if needed in clip.failures}
    return Coverage(measured=len(clips) - len(failed), total=len(clips), failed=dict(sorted(failed.items())))
