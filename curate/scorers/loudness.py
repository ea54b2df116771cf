"""How loud the speech is."""

import numpy as np

from curate import speech
from curate.clip_media import ClipMedia

WEIGHTS = (speech.WEIGHTS,)
NEEDS_AUDIO = True


def loudness(media: ClipMedia) -> float | None:
    """Level of the chunks that are speech, dB below full scale (0 dBFS is a full-scale square wave; speech is recorded
    at -30 to -12); of the whole sound where nothing is speech. None without sound, or with digital silence."""
    if media.audio is None or media.speech is None:
        return None
    spoken, _ = speech.speech_and_rest(media.audio, media.speech)
    power = float(np.mean(np.square(spoken if len(spoken) else media.audio, dtype=np.float64)))
    return 10 * float(np.log10(power)) if power > 0 else None
