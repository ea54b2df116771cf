"""How still the camera is."""

import numpy as np

from curate.clip_media import ClipMedia

HALF_PERCENT = 10.0  # a shift of this many percent of the picture a second counts as half still


def camera_stillness(media: ClipMedia) -> float | None:
    """How still the background is, in (0, 1]: 1 on a tripod, 0.5 where it shifts by a tenth of the picture a second.

    1 / (1 + v / 10), v the 90th percentile of the background's speed in percent of the picture's longer side a second
    (curate.camera). None where people fill the picture.
    """
    known = media.camera_speed[np.isfinite(media.camera_speed)]
    return 1.0 / (1.0 + float(np.percentile(known, 90)) / HALF_PERCENT) if len(known) else None
