"""How much of the clip stands still: pictures that repeat the one before."""

import numpy as np

from curate.clip_media import ClipMedia

REPEATED = 0.15  # levels of 255; pictures that are shown twice differ by under 0.1, a face that rests by 0.3 and more


def frozen_frames(media: ClipMedia) -> float | None:
    """Share of the pictures, at the video's own frame rate, that repeat the one before, in [0, 1]; lower is better.

    0 where every picture is a new one, up to 0.5 where a video of 15 pictures a second is shown at 30: a repeat that
    the codec retouches (after a fast movement, at a keyframe) is not told from a new picture. None for one picture.
    """
    change = media.picture_series.change
    return float(np.mean(change < REPEATED)) if len(change) else None
