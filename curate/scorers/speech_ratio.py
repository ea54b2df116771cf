"""How much of the sound is speech."""

import numpy as np

from curate import speech
from curate.clip_media import ClipMedia

WEIGHTS = (speech.WEIGHTS,)
NEEDS_AUDIO = True


def speech_ratio(media: ClipMedia) -> float | None:
    """Share of 32 ms chunks that Silero calls speech, in [0, 1], higher is more; None without an audio stream."""
    if media.speech is None:
        return None
    return float(np.mean(media.speech >= speech.SPEECH)) if len(media.speech) else 0.0
