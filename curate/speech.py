"""Where the sound holds speech: Silero's voice activity detector."""

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from curate import weights
from curate.onnx_session import load_session

WEIGHTS = "silero_vad"
CHUNK = 512  # samples: 32 ms at 16 kHz
SPEECH = 0.5  # Silero's own threshold on the probability
_BEFORE = 64  # samples: the network sees the end of the chunk before
_PIECE = 4096 * CHUNK  # samples that it hears at once: 131 s, some 50 MB


def speech_probabilities(audio: NDArray[np.float32], *, fill: bool = False) -> NDArray[np.float32]:
    """Return (n // 512,) probabilities in [0, 1] that each chunk of (n,) samples at 16 kHz is speech.

    With `fill` a last, shorter chunk counts too, filled up with silence. `audio` may be a memory map: it is read piece
    by piece, and what the network remembers goes from one to the next.
    Source: Silero VAD v6 (MIT), the export that takes all chunks at once: a third of the time, and the same numbers.
    """
    found = [np.empty(0, np.float32)]
    state = [np.zeros((1, 1, 128), np.float32)] * 2
    end = len(audio) + (-len(audio) % CHUNK if fill else 0)
    for first in range(0, end // CHUNK * CHUNK, _PIECE):
        behind = min(first + _PIECE, end // CHUNK * CHUNK)
        heard = np.zeros(behind - first + _BEFORE, np.float32)
        begin = max(0, first - _BEFORE)
        known = np.asarray(audio[begin:behind], np.float32)
        heard[begin - first + _BEFORE :][: len(known)] = known
        inputs = np.lib.stride_tricks.sliding_window_view(heard, CHUNK + _BEFORE)[::CHUNK]
        given = {"input": np.ascontiguousarray(inputs), "h": state[0], "c": state[1]}
        probabilities, *state = _session().run(["speech_probs", "hn", "cn"], given)
        found.append(probabilities)
    return np.concatenate(found)


def speech_and_rest(
    audio: NDArray[np.float32], probabilities: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the samples of the chunks that are speech, and of those that are surely not (under 0.1)."""
    chunks = audio[: len(probabilities) * CHUNK].reshape(-1, CHUNK)
    return chunks[probabilities >= SPEECH].reshape(-1), chunks[probabilities < 0.1].reshape(-1)


@cache
def _session() -> Any:
    return load_session(weights.path(WEIGHTS))
