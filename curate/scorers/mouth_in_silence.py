"""Whether the mouth moves while nobody speaks."""

import numpy as np
from numpy.typing import NDArray

from curate import speech
from curate.clip_media import ClipMedia

WEIGHTS = (speech.WEIGHTS,)
NEEDS_AUDIO = True
SILENT = 0.1  # Silero is sure that this is no speech
MARGIN_S = 0.2  # lips part before a word and close after it
MIN_SILENCE_S = 0.5


def mouth_in_silence(media: ClipMedia) -> float | None:
    """Standard deviation of the mouth's aperture in silence over that in speech; 0 is a mouth that rests, 1 one that
    goes on talking (a voice-over, or sound out of sync). None without sound, or with under 0.5 s of either."""
    if media.speech is None:
        return None
    spoken = _at_frames(media.speech >= SILENT, len(media.track), media.fps)
    margin = round(MARGIN_S * media.fps)
    near = np.convolve(spoken, np.ones(2 * margin + 1), mode="same")[: len(spoken)] > 0
    aperture = media.track.mouth_aperture
    if min((~near).sum(), spoken.sum()) < MIN_SILENCE_S * media.fps:
        return None
    return float(aperture[~near].std() / max(float(aperture[spoken].std()), 1e-4))


def _at_frames(chunks: NDArray[np.bool_], n_frames: int, fps: int) -> NDArray[np.bool_]:
    """Say of every frame whether the chunk at its middle is set."""
    if not len(chunks):
        return np.zeros(n_frames, bool)
    at = ((np.arange(n_frames) + 0.5) / fps * 16_000 / speech.CHUNK).astype(int)
    return np.asarray(chunks[np.minimum(at, len(chunks) - 1)], bool)
