"""Reads video and audio from files or bytes, on one clock: seconds since the first video frame's PTS.

The only place that touches PyAV for reading (`curate/media_writing.py` writes). Frames come on a constant grid (25 fps
unless told), each the picture nearest in time, so a grid index means the same moment in analysis, crop and shard.
"""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import av
import av.container
import av.error
import numpy as np
from numpy.typing import NDArray

from curate.errors import MediaError

CORPUS_FPS = 25
CORPUS_RATE_HZ = 16_000
_CONTAINERS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,flv,mpeg,mpegts,mpegvideo,asf,mxf,ogg,h264,hevc,"
    "wav,w64,flac,mp3,aac,aiff,caf"
)
_PREROLL_S = 1.0  # decode this much before a span: AAC needs a packet, and a keyframe may be open


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What a source may ask of us; beyond it is a MediaError."""

    max_duration_s: float = 4 * 3600.0
    max_pixels: int = 8192 * 4320


@dataclass(frozen=True, kw_only=True)
class VideoInfo:
    """What a container says of its first video stream (and whether it has sound); sizes in px after rotation."""

    width: int
    height: int
    duration_s: float | None
    fps: float | None
    codec: str
    container: str
    has_audio: bool


@dataclass(frozen=True, kw_only=True, eq=False)
class Frame:
    """One picture of the grid: `index / fps` seconds after the first frame; `image` is (H, W, 3) RGB."""

    index: int
    image: NDArray[np.uint8]
    decoded: av.VideoFrame
    turn: int

    def luma(self) -> NDArray[np.uint8]:
        """Return the full-size (H, W) brightness, whatever the width that `image` was scaled to."""
        return np.rot90(_pixels(self.decoded, "gray"), self.turn)


def probe(media: Path | bytes, *, limits: Limits | None = None) -> VideoInfo:
    """Read the header; MediaError when it is no media, holds no video, or is over the limits."""
    limits = limits or Limits()
    with _open(media) as container:
        stream = _video_stream(container)
        first = next(_decoded(container, stream), None)
        if first is None:
            raise MediaError("no_frames", "the video stream holds no picture that can be decoded")
        height, width = first.height, first.width
        if width * height > limits.max_pixels:
            raise MediaError("too_large", f"{width}x{height} px is over the limit of {limits.max_pixels} px")
        if _turn(first) % 2:
            width, height = height, width
        duration_s = _declared_duration_s(container, stream)
        if duration_s is not None and duration_s > limits.max_duration_s:
            raise MediaError("too_long", f"{duration_s:.0f} s is over the limit of {limits.max_duration_s:.0f} s")
        return VideoInfo(
            width=width,
            height=height,
            duration_s=duration_s,
            fps=float(stream.average_rate) if stream.average_rate else None,
            codec=stream.codec_context.name,
            container=container.format.name,
            has_audio=bool(container.streams.audio),
        )


def read_frames(
    media: Path | bytes,
    *,
    fps: int = CORPUS_FPS,
    width: int | None = None,
    start_s: float = 0.0,
    end_s: float | None = None,
    limits: Limits | None = None,
) -> Iterator[Frame]:
    """Yield the frames of [start_s, end_s) on the grid `index / fps`, scaled down to at most `width` px wide.

    A span gives exactly the frames that the whole would give there. Memory is bounded whatever the length. Raises
    MediaError when the stream can't be decoded, or goes beyond the limits.
    """
    limits = limits or Limits()
    first_index = round(start_s * fps)
    end_index = round(limits.max_duration_s * fps) if end_s is None else round(end_s * fps)
    with _open(media) as container:
        stream = _video_stream(container)
        _seek(container, stream, start_s)
        for index, decoded in _on_grid(_timed(container, stream), fps=fps, first=first_index):
            if index >= end_index:
                if end_s is None:
                    raise MediaError("too_long", f"the video is over the limit of {limits.max_duration_s:.0f} s")
                return
            if decoded.width * decoded.height > limits.max_pixels:
                raise MediaError("too_large", f"{decoded.width}x{decoded.height} px is over the limit")
            yield _frame(index, decoded, width)


def read_audio(
    media: Path | bytes,
    *,
    sample_rate_hz: int = CORPUS_RATE_HZ,
    start_s: float = 0.0,
    end_s: float | None = None,
    channels: int = 1,
) -> NDArray[np.float32]:
    """Return the sound of [start_s, end_s) in [-1, 1]: (n,) for one channel, else (channels, n).

    The clock is the video's (padded with silence where sound starts later or ends earlier, cut where it starts
    earlier); without video, the sound's own. Raises MediaError("no_audio_stream") when there is none.
    """
    with _open(media) as container:
        if not container.streams.audio:
            raise MediaError("no_audio_stream", "there is no audio stream")
        stream = container.streams.audio[0]
        clock = container.streams.video[0] if container.streams.video else stream
        origin_s = _origin_s(clock)
        _seek(container, stream, start_s, origin_s=origin_s)
        until_s = None if end_s is None else end_s + origin_s
        resampler = av.AudioResampler(format="fltp", layout="stereo" if channels == 2 else "mono", rate=sample_rate_hz)
        first_s, blocks = _resampled(container, stream, resampler, until_s=until_s)
    samples = np.concatenate(blocks, axis=1) if blocks else np.zeros((channels, 0), np.float32)
    samples = _span(samples, offset=round((first_s - origin_s - start_s) * sample_rate_hz))
    if end_s is not None:
        samples = _exactly(samples, round((end_s - start_s) * sample_rate_hz))
    return samples[0] if channels == 1 else samples


def audio_format(media: Path | bytes) -> tuple[int, int, bool]:
    """Return (sample_rate_hz, channels, has_video) of the first audio stream; a cover picture is no video."""
    with _open(media) as container:
        if not container.streams.audio:
            raise MediaError("no_audio_stream", "there is no audio stream")
        stream = container.streams.audio[0]
        moving = [s for s in container.streams.video if not s.disposition & av.stream.Disposition.attached_pic]
        return stream.rate, stream.channels, bool(moving)


@contextmanager
def _open(media: Path | bytes) -> Iterator[av.container.InputContainer]:
    """Open a plain container of local bytes: a playlist or script, which names other files, is no media."""
    source = io.BytesIO(media) if isinstance(media, bytes) else f"file:{media}"
    try:
        container = av.open(source, "r", options={"format_whitelist": _CONTAINERS, "protocol_whitelist": "file"})
    except (av.error.FFmpegError, ValueError) as error:
        raise MediaError(*_why_not_opened(media, error)) from error
    try:
        with container:
            yield container
    except av.error.FFmpegError as error:
        raise MediaError("damaged", f"the file can't be decoded: {error.strerror or error}") from error


def _why_not_opened(media: Path | bytes, error: Exception) -> tuple[str, str]:
    if isinstance(error, FileNotFoundError):
        return "missing", f"no such file: {media!s}"
    if isinstance(error, PermissionError):
        return "unreadable", f"no permission to read {media!s}"
    head = media[:16] if isinstance(media, bytes) else _head(media)
    if not head:
        return "empty", "the file is empty"
    if head[4:8] == b"ftyp":
        return "truncated", "an MP4 without its index (moov): the file is cut off or was never finished"
    return "not_media", "not a media file that can be decoded, whatever its name says"


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(16)


def _video_stream(container: av.container.InputContainer) -> av.VideoStream:
    if not container.streams.video:
        raise MediaError("no_video_stream", "there is no video stream")
    stream = container.streams.video[0]
    stream.codec_context.thread_count = 1  # a worker owns one core
    return stream


def _declared_duration_s(container: av.container.InputContainer, stream: av.VideoStream) -> float | None:
    if stream.duration is not None and stream.time_base is not None:
        return float(stream.duration * stream.time_base)
    return container.duration / av.time_base if container.duration is not None else None


def _origin_s(stream: av.VideoStream | av.AudioStream) -> float:
    if stream.start_time is None or stream.time_base is None:
        return 0.0
    return float(stream.start_time * stream.time_base)


def _seek(
    container: av.container.InputContainer,
    stream: av.VideoStream | av.AudioStream,
    start_s: float,
    *,
    origin_s: float | None = None,
) -> None:
    if start_s <= _PREROLL_S or stream.time_base is None:
        return
    origin_s = _origin_s(stream) if origin_s is None else origin_s
    container.seek(int((start_s - _PREROLL_S + origin_s) / stream.time_base), stream=stream, backward=True)


def _decoded(container: av.container.InputContainer, stream: av.VideoStream) -> Iterator[av.VideoFrame]:
    for packet in container.demux(stream):
        try:
            yield from packet.decode()
        except av.error.InvalidDataError:
            if (
                not packet.is_corrupt
            ):  # the demuxer marks the packet that a cut-off file ends in: what came before counts
                raise


def _timed(container: av.container.InputContainer, stream: av.VideoStream) -> Iterator[tuple[float, av.VideoFrame]]:
    """Yield (seconds since the origin, frame), strictly rising; a frame without PTS follows at the average rate."""
    origin_s, last_s = _origin_s(stream), None
    step_s = 1 / float(stream.average_rate or CORPUS_FPS)
    for frame in _decoded(container, stream):
        time_s = frame.time - origin_s if frame.time is not None else (0.0 if last_s is None else last_s + step_s)
        if last_s is None or time_s > last_s:
            last_s = time_s
            yield time_s, frame


def _on_grid(
    timed: Iterator[tuple[float, av.VideoFrame]], *, fps: int, first: int
) -> Iterator[tuple[int, av.VideoFrame]]:
    """Yield (grid index, the frame nearest to index / fps) from `first` on; the last frame is shown for one step."""
    index = first
    shown: tuple[float, av.VideoFrame] | None = None
    for time_s, frame in timed:
        while shown is not None and index / fps < (shown[0] + time_s) / 2:
            yield index, shown[1]
            index += 1
        shown = (time_s, frame)
    if shown is not None and round(shown[0] * fps) >= index:
        yield index, shown[1]


def _turn(frame: av.VideoFrame) -> int:
    """Quarter turns counter-clockwise that bring the picture upright."""
    return round(frame.rotation / 90) % 4


def _frame(index: int, decoded: av.VideoFrame, width: int | None) -> Frame:
    turn = _turn(decoded)
    scale = 1.0
    if width is not None:
        scale = min(1.0, width / (decoded.height if turn % 2 else decoded.width))
    size = (max(2, round(decoded.width * scale)), max(2, round(decoded.height * scale)))
    small = decoded.reformat(width=size[0], height=size[1], format="rgb24", interpolation="AREA")
    image = np.ascontiguousarray(np.rot90(_pixels(small), turn))
    return Frame(index=index, image=image, decoded=decoded, turn=turn)


def _pixels(frame: av.VideoFrame, format: str | None = None) -> NDArray[np.uint8]:
    return np.asarray(frame.to_ndarray(format=format), np.uint8)


def _resampled(
    container: av.container.InputContainer,
    stream: av.AudioStream,
    resampler: av.AudioResampler,
    *,
    until_s: float | None,
) -> tuple[float, list[NDArray[np.float32]]]:
    """Return the first decoded sample's time and all blocks (channels, n) up to a little after `until_s`."""
    first_s: float | None = None
    blocks: list[NDArray[np.float32]] = []
    for frame in container.decode(stream):
        time_s = frame.time if frame.time is not None else 0.0
        first_s = time_s if first_s is None else first_s
        if until_s is not None and time_s > until_s:
            break
        blocks += [_samples(out) for out in resampler.resample(frame)]
    blocks += [_samples(out) for out in resampler.resample(None)]
    return first_s or 0.0, blocks


def _samples(frame: av.AudioFrame) -> NDArray[np.float32]:
    return np.asarray(frame.to_ndarray(), np.float32)


def _span(samples: NDArray[np.float32], *, offset: int) -> NDArray[np.float32]:
    """Shift (c, n) samples so that the first is at `offset`: silence before, or cut."""
    return samples[:, -offset:] if offset < 0 else np.pad(samples, ((0, 0), (offset, 0)))


def _exactly(samples: NDArray[np.float32], length: int) -> NDArray[np.float32]:
    return np.pad(samples[:, :length], ((0, 0), (0, max(0, length - samples.shape[1]))))
