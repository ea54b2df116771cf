"""Brings real and generated videos to one form before they are scored: the same square, size, rate, length, codec.

What can't be undone stays, for the shortcut probe to find: a small face stays soft when it is brought to size.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy import signal

from curate.crop import CropBox, crop, crop_box
from curate.errors import MediaError
from curate.fingerprints import audio_fingerprint, frame_hashes
from curate.identity import embed
from curate.media import CORPUS_FPS, CORPUS_RATE_HZ, read_audio, read_frames
from evaluate.detection.recording import Coding, Recording
from evaluate.detection.recording_files import write_recording
from evaluate.observation import Observation

IDENTITY_FRAMES = 3
SHORTEST_S = 1.0
HEADROOM = 0.95
GREY = np.uint8(128)
TAPS = 255  # of the low-pass: 60 dB down within 250 Hz


@dataclass(frozen=True, kw_only=True)
class Matching:
    """The common form: a square of `face_scale` times the face at `size_px`, the middle `max_s` of the face's track at
    25 fps, H.264 at `crf`, and 16 kHz mono sound under `cut_hz` at `level_db` (RMS, below full scale).

    The square is tight, and grey further than `round_at` sides from its centre, so that insets and captions at the
    picture's edge are gone; `cut_hz` lies under where sound that was once at 16 kHz ends.
    """

    size_px: int = 256
    face_scale: float = 1.2
    round_at: float = 0.56
    max_s: float = 5.0
    crf: int = 18
    level_db: float = -26.0
    cut_hz: float = 6800.0


@dataclass(frozen=True, kw_only=True, eq=False)
class Matched:
    """`video`: the MP4. What finds clips of one person or one recording: `identity` (128,) of unit length, the hashes
    of frames and the words of the sound, as curate makes them, and `duration_s` of what they were made of."""

    video: bytes
    duration_s: float
    identity: NDArray[np.float32]
    frame_hashes: Sequence[int] = field(default=())
    audio_fingerprint: Sequence[int] = field(default=())


def match(observation: Observation, matching: Matching) -> Matched:
    """Match one video; MediaError where no face can be followed, or not for a second."""
    first, last = _span(len(observation.track), matching.max_s)
    box = _box(observation, first, last, matching.face_scale)
    start_s, end_s = ((observation.track.first + place) / CORPUS_FPS for place in (first, last))
    points = observation.track.points[first:last]
    frames, faces = list[NDArray[np.uint8]](), list[NDArray[np.float32]]()
    outside = _outside(matching.size_px, matching.round_at)
    shown = {len(points) * (2 * i + 1) // (2 * IDENTITY_FRAMES) for i in range(IDENTITY_FRAMES)}
    for place, frame in enumerate(read_frames(observation.media, start_s=start_s, end_s=end_s)):
        image = frame.image
        frames.append(np.where(outside, GREY, crop(image, box, size=matching.size_px)))
        if place in shown:
            faces.append(embed(image, points[place]))
    if len(frames) < round(SHORTEST_S * CORPUS_FPS):
        raise MediaError("too_short", f"the face's pictures end after {len(frames)} frames")
    samples = _sound(observation, start_s, start_s + len(frames) / CORPUS_FPS, matching)
    coding = Coding(options={"crf": str(matching.crf), "preset": "veryfast"})
    return Matched(
        video=write_recording(Recording(frames=np.stack(frames), samples=samples, coding=coding)),
        duration_s=len(frames) / CORPUS_FPS,
        identity=_mean(faces),
        frame_hashes=frame_hashes(frames),
        audio_fingerprint=[] if samples is None else audio_fingerprint(samples),
    )


def _span(n_frames: int, max_s: float) -> tuple[int, int]:
    """The middle of a track, as frames of it."""
    if n_frames < round(SHORTEST_S * CORPUS_FPS):
        raise MediaError("too_short", f"the face is followed for {n_frames} frames only, {SHORTEST_S:g} s are needed")
    n = min(n_frames, round(max_s * CORPUS_FPS))
    return (n_frames - n) // 2, (n_frames - n) // 2 + n


def _box(observation: Observation, first: int, last: int, scale: float) -> CropBox:
    info = observation.analysis.info
    return crop_box(observation.track.boxes[first:last], width=info.width, height=info.height, scale=scale)


def _outside(size_px: int, round_at: float) -> NDArray[np.bool_]:
    """Which pixels (size, size, 1) lie further than `round_at` sides from the centre."""
    across = (np.arange(size_px) + 0.5) / size_px - 0.5
    return np.asarray(np.hypot(across[:, None], across[None, :]) > round_at)[..., None]


def _sound(observation: Observation, start_s: float, end_s: float, matching: Matching) -> NDArray[np.float32] | None:
    """The span's sound at the common level, or as near to it as its peaks allow; None without a stream."""
    try:
        samples = read_audio(observation.media, sample_rate_hz=CORPUS_RATE_HZ, start_s=start_s, end_s=end_s)
    except MediaError as error:
        if error.reason == "no_audio_stream":
            return None
        raise
    samples = _lowpassed(samples, matching.cut_hz)
    level, peak = float(np.sqrt(np.mean(np.square(samples)))), float(np.abs(samples).max(initial=0.0))
    if level < 1e-5:  # silence is not made loud
        return samples
    return np.asarray(samples * min(10 ** (matching.level_db / 20) / level, HEADROOM / peak), np.float32)


def _lowpassed(samples: NDArray[np.float32], cut_hz: float) -> NDArray[np.float32]:
    taps = signal.firwin(TAPS, cut_hz, fs=CORPUS_RATE_HZ)
    return np.asarray(signal.fftconvolve(samples, taps, mode="same"), np.float32)


def _mean(faces: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
    mean = np.mean(faces, axis=0)
    return np.asarray(mean / np.linalg.norm(mean), np.float32)
