"""How long a video's pictures and its sound last."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from curate.media import CORPUS_RATE_HZ, read_audio
from evaluate.observation import FACE_WEIGHTS, Observation

WEIGHTS = FACE_WEIGHTS
PACKAGES = ()
PROTOCOL = {"features": "seconds of pictures (25 fps grid) and of sound, on the clock of the first picture"}


def lengths(observation: Observation) -> NDArray[np.float32]:
    """(1, 2): seconds of pictures, to 0.04, and of sound as it is decoded: an AAC stream ends up to 0.064 s late.

    Raises MediaError("no_audio_stream") without sound.
    """
    sound = read_audio(observation.media, sample_rate_hz=CORPUS_RATE_HZ)
    analysis = observation.analysis
    return np.array([[analysis.n_frames / analysis.fps, len(sound) / CORPUS_RATE_HZ]], np.float32)
