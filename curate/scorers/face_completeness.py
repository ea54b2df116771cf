"""Whether the whole face is inside the picture."""

import numpy as np

from curate.clip_media import ClipMedia


def face_completeness(media: ClipMedia) -> float:
    """5th percentile over time of the share of the mesh's points inside the picture, in [0, 1]; 1 is a whole face."""
    return float(np.percentile(media.track.completeness, 5))
