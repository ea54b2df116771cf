"""Whether the face loses its sharpness as the clip goes on."""

from typing import TypedDict

import numpy as np

from curate.clip_media import ClipMedia

MIN_DURATION_S = 2.0  # the first and the last second must not be the same
FLAT = 0.01  # of face_sharpness: a picture without any detail


class SharpnessDrift(TypedDict):
    """`last_to_first`: the last second's median sharpness over the first's, 1 is no drift, under 1 is blurring.

    `size`: how far that is from 1 either way, the absolute natural logarithm: 0 is none, 0.69 is half or twice.
    `per_min`: slope of that logarithm a minute, by least squares: -0.69 is half as sharp every minute.
    """

    last_to_first: float | None
    size: float | None
    per_min: float | None


def sharpness_drift(media: ClipMedia) -> SharpnessDrift:
    """Compare the Laplacian variance of the face at 256 px (see the scorer sharpness) over time; the head's turns and
    the open mouth change it too. None under 2 s, or for a corpus' clip, whose source's sharpness was not kept."""
    seen = np.flatnonzero((media.track.confidence > 0) & np.isfinite(media.track.sharpness))
    first, last = seen[seen < media.fps], seen[seen >= len(media.track) - media.fps]
    if media.duration_s < MIN_DURATION_S or not len(first) or not len(last):
        return {"last_to_first": None, "size": None, "per_min": None}
    levels = np.log(np.maximum(media.track.sharpness.astype(np.float64), FLAT))
    change = float(np.median(levels[last]) - np.median(levels[first]))
    slope = float(np.polyfit(seen / media.fps, levels[seen], 1)[0])
    return {"last_to_first": float(np.exp(change)), "size": abs(change), "per_min": 60 * slope}
