"""How large the face is in the source picture."""

import numpy as np

from curate.clip_media import ClipMedia


def face_size(media: ClipMedia) -> float:
    """Median longer side of the face's box, in px of the source picture; higher gives a sharper crop."""
    boxes = media.track.boxes
    return float(np.median(np.maximum(boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1])))
