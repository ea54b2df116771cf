"""Decoded sound as samples, each stretch of it where its own times say."""

from collections.abc import Iterable, Iterator

import av
import numpy as np
from numpy.typing import NDArray

_AUDIO_GAP_S = 0.02  # sound that comes this much earlier or later than the samples before it is put in its own place


def until(frames: Iterator[av.AudioFrame], end_s: float | None) -> Iterator[av.AudioFrame]:
    """Yield the frames that begin before `end_s`."""
    for frame in frames:
        if end_s is not None and frame.time is not None and frame.time > end_s:
            return
        yield frame


def stretches(
    frames: Iterator[av.AudioFrame], resampler: av.AudioResampler
) -> Iterator[tuple[float, NDArray[np.float32]]]:
    """Yield (time in s of the first sample, samples (channels, n)) of each stretch of sound without a gap."""
    stretch, begin_s, due_s = list[NDArray[np.float32]](), 0.0, None
    for frame in frames:
        time_s = frame.time if frame.time is not None else (due_s or 0.0)
        if due_s is None or abs(time_s - due_s) > _AUDIO_GAP_S:
            if due_s is not None:
                yield begin_s, _whole([*stretch, *_samples(resampler.resample(None))])
                resampler = av.AudioResampler(format=resampler.format, layout=resampler.layout, rate=resampler.rate)
            stretch, begin_s, due_s = [], time_s, time_s
        stretch += _samples(resampler.resample(frame))
        due_s += frame.samples / frame.sample_rate
    if due_s is not None:
        yield begin_s, _whole([*stretch, *_samples(resampler.resample(None))])


def _samples(frames: Iterable[av.AudioFrame]) -> list[NDArray[np.float32]]:
    return [np.asarray(frame.to_ndarray(), np.float32) for frame in frames]


def _whole(blocks: list[NDArray[np.float32]]) -> NDArray[np.float32]:
    return np.concatenate(blocks, axis=1) if blocks else np.zeros((1, 0), np.float32)


def laid_out(pieces: list[tuple[int, NDArray[np.float32]]], channels: int, length: int) -> NDArray[np.float32]:
    """Lay (place, samples) on a line of `length`, silence between; where two overlap, the later one counts."""
    joined = np.zeros((channels, max(0, length)), np.float32)
    for at, samples in pieces:
        begin, end = max(0, -at), min(samples.shape[1], length - at)
        if begin < end:
            joined[:, at + begin : at + end] = samples[:, begin:end]
    return joined
