"""Blinks in a series of how far the eyes are closed, against the clip's own resting level."""

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import median_filter

from curate.media import CORPUS_FPS

CLOSING = 0.25  # above the resting level; gaze and half-lowered lids stay under it
BASELINE_S = 2.0
LONGEST_S = 0.5  # a blink lasts 0.1 to 0.4 s (Stern et al. 1984): longer are eyes that are kept shut


def blinks(closed: NDArray[np.float32]) -> int:
    """Count rises above the running median of (F,) scores at 25 fps, 0 open to 1 shut; nan is a lost face, no blink."""
    known = np.isfinite(closed)
    if not known.any():
        return 0
    filled = np.interp(np.arange(len(closed)), np.flatnonzero(known), closed[known])
    rest = median_filter(filled, size=round(BASELINE_S * CORPUS_FPS) | 1, mode="reflect")
    shut = (filled - rest > CLOSING) & known
    edges = np.diff(np.concatenate([[0], shut.astype(int), [0]]))
    lengths = np.flatnonzero(edges < 0) - np.flatnonzero(edges > 0)
    return int(np.sum(lengths <= LONGEST_S * CORPUS_FPS))
