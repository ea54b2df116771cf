"""A file's sound block by block, in memory that doesn't grow with its length."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from curate.errors import MediaError
from curate.media import CORPUS_RATE_HZ, Limits, _audio_stream, _moving, _open, _origin_s

Block = NDArray[np.float32]  # (channels, n) in [-1, 1]

_BLOCK = 1 << 15  # samples of silence at a time
_GAP_S = 0.02  # as in read_audio


def sound_blocks(
    media: Path | bytes, *, sample_rate_hz: int = CORPUS_RATE_HZ, channels: int = 1, limits: Limits | None = None
) -> Iterator[Block]:
    """Yield the samples that `read_audio` returns for the whole file, in blocks of any length.

    Where two stretches of sound overlap, the earlier one counts. Raises MediaError as `read_audio` does, "too_long" as
    soon as a sound's time is over the limits.
    """
    longest_s = (limits or Limits()).max_duration_s
    with _open(media) as container:
        stream = _audio_stream(container)
        origin_s = _origin_s(next(iter(_moving(container)), stream))
        layout, ends_at = "stereo" if channels == 2 else "mono", 0
        for time_s, frames in _stretches(container.decode(stream), layout=layout, rate_hz=sample_rate_hz):
            at = round((time_s - origin_s) * sample_rate_hz)
            for samples in frames:
                if at / sample_rate_hz > longest_s:
                    raise MediaError("too_long", f"the sound goes on beyond the limit of {longest_s:.0f} s")
                yield from _silence(channels, at - ends_at)
                fresh = samples[:, max(0, ends_at - at) :]
                if fresh.shape[1]:
                    yield fresh
                at += samples.shape[1]
                ends_at = max(ends_at, at)


def _stretches(
    frames: Iterator[av.AudioFrame], *, layout: str, rate_hz: int
) -> Iterator[tuple[float, Iterator[Block]]]:
    """Yield (time in s of its first sample, its samples) of each stretch of sound without a gap."""
    following = next(frames, None)
    due_s = 0.0

    def stretch(first: av.AudioFrame) -> Iterator[Block]:
        nonlocal following, due_s
        resampler = av.AudioResampler(format="fltp", layout=layout, rate=rate_hz)
        frame: av.AudioFrame | None = first
        while frame is not None:
            due_s += frame.samples / frame.sample_rate
            yield from _samples(resampler.resample(frame))
            following = next(frames, None)
            frame = following if following is not None and abs(_time_s(following, due_s) - due_s) <= _GAP_S else None
        yield from _samples(resampler.resample(None))

    while following is not None:
        due_s = _time_s(following, due_s)
        yield due_s, stretch(following)


def _time_s(frame: av.AudioFrame, due_s: float) -> float:
    return due_s if frame.time is None else frame.time


def _samples(frames: Iterable[av.AudioFrame]) -> Iterator[Block]:
    for frame in frames:
        yield np.asarray(frame.to_ndarray(), np.float32)


def _silence(channels: int, count: int) -> Iterator[Block]:
    for start in range(0, count, _BLOCK):
        yield np.zeros((channels, min(_BLOCK, count - start)), np.float32)
