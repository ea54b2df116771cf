"""How bright the face is."""

import numpy as np

from curate.clip_media import ClipMedia


def luminance(media: ClipMedia) -> float:
    """Median over time of the face's mean brightness, 0 black to 255 white; SpeakerVid-5M keeps 10 to 210."""
    return float(np.median(media.track.luminance))
