"""Whether the lips do now what the sound that is heard now predicts of them."""

import numpy as np

from curate.clip_media import ClipMedia
from curate.sync_ridge import CLOCK_HZ, MAX_LAG_S, MIN_DURATION_S, lag_curve, lip_shape, model_in_use

NEEDS_AUDIO = True
IN_PLACE_S = 0.08  # two frames: viewers notice from 45 ms early and 125 ms late on (ITU-R BT.1359)


def sync_in_place(media: ClipMedia) -> float | None:
    """Best correlation of predicted with seen lips within 80 ms of no lag, in [-1, 1], higher is better.

    Speech in sync has 0.25 to 0.6, unrelated sound under 0.2, and so has sound that is 0.3 s off: where sync_ridge's
    peak is sought at all lags, this one falls with the offset. None without sound or under 2 s.
    """
    audio = media.audio_around(MAX_LAG_S)
    if audio is None or not audio.any() or media.duration_s < MIN_DURATION_S:
        return None
    lips = lip_shape(media.track.mouth_aperture, media.track.mouth_width, media.fps)
    curve = lag_curve(model_in_use()[0].coefficients, lips, audio)
    middle, reach = len(curve) // 2, round(IN_PLACE_S * CLOCK_HZ)
    return float(np.max(curve[middle - reach : middle + reach + 1]))
