"""How sharp the face is."""

import numpy as np

from curate.clip_media import ClipMedia


def sharpness(media: ClipMedia) -> float:
    """Median over time of the Laplacian variance of the face at 256 px (analysis.face_sharpness); higher is sharper."""
    return float(np.median(media.track.sharpness))
