"""By how much the sound comes late or early, where that can be told: a ridge regression from sound to lips."""

from typing import TypedDict

from curate.clip_media import ClipMedia
from curate.sync_ridge import MAX_LAG_S, MIN_DURATION_S, claimed, estimate, lip_shape, model_in_use

NEEDS_AUDIO = True


class SyncRidge(TypedDict):
    """`offset_s`: -0.8 to 0.8, above 0 where the sound comes late; None where that can't be told, which takes a
    `confidence` of 0.95 and 4 s. `confidence`: the probability, 0 to 1, that the best lag is within two frames of the
    truth. `peak`: the correlation there, -1 to 1; speech in sync has 0.25 to 0.65. `margin`: by how much it beats every
    lag elsewhere, 0 to 1."""

    offset_s: float | None
    confidence: float | None
    peak: float | None
    margin: float | None


def sync_ridge(media: ClipMedia) -> SyncRidge:
    """Find the lag at which what the sound predicts of the lips agrees best with them (see curate.sync_ridge).

    None without sound or under 2 s. 10 ms a clip.
    """
    audio = media.audio_around(MAX_LAG_S)
    if audio is None or not audio.any() or media.duration_s < MIN_DURATION_S:
        return {"offset_s": None, "confidence": None, "peak": None, "margin": None}
    lips = lip_shape(media.track.mouth_aperture, media.track.mouth_width, media.fps)
    found = estimate(model_in_use()[0], lips, audio)
    offset_s = found.lag_s if claimed(found.confidence, media.duration_s) else None
    return {"offset_s": offset_s, "confidence": found.confidence, "peak": found.peak, "margin": found.margin}
