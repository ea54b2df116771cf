"""What every metric is given: both sets of measured clips, and the settings that its protocol must name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from evaluate.measure import Measured
from evaluate.results import Coverage

if TYPE_CHECKING:
    from evaluate.set_statistics import SetStatistics


@dataclass(frozen=True, kw_only=True, eq=False)
class Sets:
    """`portraits`: stem -> (128,) identity embedding, or the reason why a picture gave none; None without portraits.

    `statistics`: feature -> what is known of a reference that was measured before; there are then no reference clips.
    `clusters`: clip name -> the identity or source that it shares with others; a clip not in it is a cluster alone.
    """

    reference: tuple[Measured, ...]
    generated: tuple[Measured, ...]
    max_frames: int | None
    portraits: Mapping[str, NDArray[np.float32] | str] | None = None
    statistics: Mapping[str, SetStatistics] = field(default_factory=dict)
    clusters: Mapping[str, str] = field(default_factory=dict)


def coverage(clips: Sequence[Measured], needed: str) -> Coverage:
    """Count the clips that have the feature or score `needed`; the others are named with their reasons."""
    failed = {clip.name: clip.failures[needed] for clip in clips if needed in clip.failures}
    return Coverage(measured=len(clips) - len(failed), total=len(clips), failed=dict(sorted(failed.items())))
