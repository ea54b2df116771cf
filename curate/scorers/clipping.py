"""How much of the sound is cut off at full scale."""

import numpy as np

from curate.clip_media import ClipMedia

NEEDS_AUDIO = True
FULL_SCALE = 0.985  # resampling to 16 kHz rounds a cut-off peak a little


def clipping(media: ClipMedia) -> float | None:
    """Share of samples at full scale next to another one, in [0, 1]; over 0.001 it is heard. None without sound."""
    if media.audio is None or len(media.audio) < 2:
        return None
    high = np.abs(media.audio) >= FULL_SCALE
    runs = high & (np.append(high[1:], False) | np.insert(high[:-1], 0, False))
    return float(runs.mean())
