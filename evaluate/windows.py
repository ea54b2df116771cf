"""Windows of consecutive frames, for features that see motion."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from curate.errors import MediaError
from curate.media import CORPUS_FPS, read_frames
from evaluate.observation import Observation

WINDOW_RULE = (
    f"grid of {CORPUS_FPS} fps cut into consecutive windows of {{n}} frames from the first on; window floor(i T / m) "
    "for i < m = min(T, {most}) of the T whole ones"
)

Prepared = TypeVar("Prepared")


def windows(
    observation: Observation,
    *,
    n_frames: int,
    max_windows: int,
    prepare: Callable[[NDArray[np.uint8]], Prepared],
) -> Iterator[list[Prepared]]:
    """Yield at most `max_windows` windows of `n_frames` consecutive frames each, spread over the video by WINDOW_RULE.

    Each frame, an (H, W, 3) RGB picture of full size, goes through `prepare` as it is read; only one window of what
    that gives is held, whatever the video's length. Raises MediaError("too_short") for a video without a whole window.
    """
    chosen = _chosen(count_frames(observation) // n_frames, max_windows)
    if not chosen:
        raise MediaError("too_short", f"the video has fewer than the {n_frames} frames of one window")
    window = list[Prepared]()
    for picture in observation.frames():
        if picture.index // n_frames not in chosen:
            continue
        window.append(prepare(picture.image))
        if len(window) == n_frames:
            yield window
            window = []
        if picture.index + 1 == (max(chosen) + 1) * n_frames:
            return


def count_frames(observation: Observation) -> int:
    """How many frames the grid has, by decoding them all and looking at none."""
    return sum(1 for _ in read_frames(observation.media))


def _chosen(total: int, most: int) -> frozenset[int]:
    kept = min(total, most)
    return frozenset(i * total // kept for i in range(kept))
