"""How far the speech stands above what is heard between the words."""

import numpy as np

from curate import speech
from curate.clip_media import ClipMedia

WEIGHTS = (speech.WEIGHTS,)
NEEDS_AUDIO = True
MIN_CHUNKS = 5  # of speech and of pause: 160 ms tell a level
MOST_DB = 60.0


def snr(media: ClipMedia) -> float | None:
    """Signal-to-noise ratio, dB, -10 to 60: power of speech less that of the pauses, over that of the pauses.

    Music counts as noise. None without sound, or with less than 160 ms of speech or of pause.
    """
    if media.audio is None or media.speech is None:
        return None
    spoken, pauses = speech.speech_and_rest(media.audio, media.speech)
    if min(len(spoken), len(pauses)) < MIN_CHUNKS * speech.CHUNK:
        return None
    signal, noise = (float(np.mean(np.square(samples, dtype=np.float64))) for samples in (spoken, pauses))
    ratio = max(signal - noise, 0.1 * noise) / max(noise, 1e-10)
    return min(MOST_DB, 10 * float(np.log10(max(ratio, 0.1))))
