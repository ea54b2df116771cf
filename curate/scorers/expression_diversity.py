"""How much the face's expression changes over time."""

import numpy as np

from curate.clip_media import ClipMedia


def expression_diversity(media: ClipMedia) -> float:
    """Mean over curate.expression's 21 lengths of each one's standard deviation over time, in upper-face heights.

    0 is a still picture, a speaker has 0.01 to 0.04; the mesh's own tremble makes about 0.005.
    """
    return float(media.track.expression.std(axis=0, dtype=np.float64).mean())
