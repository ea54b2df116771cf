"""The silence gate: where nobody's voice is heard, the model hears silence, and the mouth rests.

The sound itself is faded out, before its features are made: music and noise then give the features that silence had in
training, which zeros in their place would not be.
"""

import logging

import numpy as np
from numpy.typing import NDArray

from curate.speech import CHUNK, SPEECH, speech_probabilities
from train.speech_features import SAMPLE_RATE_HZ, SAMPLES_A_FRAME

log = logging.getLogger(__name__)

SURELY_NONE = 0.1  # a voice goes on down to here: over engine noise speech stays between this and SPEECH for seconds
BEFORE_FRAMES = 3  # lips part before a word, and Silero hears no p or s
AFTER_FRAMES = 5  # they close 0.2 s after it; pauses shorter than both together stay
RAMP = SAMPLE_RATE_HZ // 100  # samples: 10 ms, so that the gate itself makes no click


def voiced_frames(samples: NDArray[np.float32], *, n_frames: int) -> NDArray[np.bool_]:
    """Say of each 25 fps frame of (n,) samples at 16 kHz whether a voice is heard in or near it (Silero VAD).

    `samples` may be a memory map: they are read piece by piece.
    """
    voiced = near(at_frames(steady(speech_probabilities(samples, fill=True)), n_frames))
    if not voiced.any() and n_frames:
        log.warning("no voice is heard in the sound, so the mouth rests; silence_gate false, if it should not")
    return voiced


def steady(probabilities: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Return (m,): speech from where it is likely until it surely is none."""
    decided = (probabilities >= SPEECH) | (probabilities < SURELY_NONE)
    last = np.maximum.accumulate(np.where(decided, np.arange(len(decided)), -1))
    return np.asarray((last >= 0) & (probabilities[last] >= SPEECH), bool)


def at_frames(chunks: NDArray[np.bool_], n_frames: int) -> NDArray[np.bool_]:
    """Return (n_frames,): whether any chunk of 512 samples that a frame shares a sample with is set."""
    frames = np.arange(n_frames) * SAMPLES_A_FRAME
    counted = np.concatenate([[0], np.cumsum(chunks)])
    first, behind = frames // CHUNK, (frames + SAMPLES_A_FRAME - 1) // CHUNK + 1
    return np.asarray(counted[np.minimum(behind, len(chunks))] > counted[np.minimum(first, len(chunks))], bool)


def near(voiced: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return `voiced` (F,) with the frames shortly before and after each voiced one."""
    counted = np.concatenate([[0], np.cumsum(voiced)])
    places = np.arange(len(voiced))
    first, behind = np.maximum(places - AFTER_FRAMES, 0), np.minimum(places + BEFORE_FRAMES + 1, len(voiced))
    return np.asarray(counted[behind] > counted[first], bool)


def voice_gain(voiced: NDArray[np.bool_], *, first_frame: int, n_frames: int) -> NDArray[np.float32]:
    """Return the (n_frames * 640,) factors of the samples of some 25 fps frames: 1 in voiced frames, 0 elsewhere.

    The ramps lie outside the voiced frames. Beyond the ends of `voiced` (F,) no frame is voiced.
    """
    places = np.arange(first_frame - 1, first_frame + n_frames + 1)
    flags = (places >= 0) & (places < len(voiced)) & voiced[np.clip(places, 0, len(voiced) - 1)]
    before, now, after = (flags[shift : shift + n_frames, None] for shift in range(3))
    falling = np.clip(1 - np.arange(SAMPLES_A_FRAME) / RAMP, 0, 1)
    gain = np.maximum(now, np.maximum(before * falling, after * falling[::-1]))
    return np.asarray(gain.reshape(-1), np.float32)
