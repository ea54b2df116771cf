"""Reads video and audio from files or bytes, on one clock: seconds since the first video frame's PTS.

With `display.py`, `sound.py`, `sound_stream.py`, `frame.py` and `clip_frames.py` the only place that touches PyAV for
reading (`media_writing.py` writes).
Frames come on a constant grid (25 fps unless told), each the picture nearest in time, so a grid index means the same
moment in analysis, crop and shard.
"""

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import av
import av.container
import av.error
import av.filter
import numpy as np
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray

from curate.display import quarter_turns, shown
from curate.errors import MediaError
from curate.frame import Frame
from curate.sound import laid_out, stretches, until

CORPUS_FPS = 25
CORPUS_RATE_HZ = 16_000
_CONTAINERS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,flv,mpeg,mpegts,mpegvideo,asf,mxf,ogg,h264,hevc,"
    "wav,w64,flac,mp3,aac,aiff,caf"
)
_MIN_SIDE_PX = 16
_PREROLL_S = 1.0  # decode this much before a span: AAC needs a packet, and a keyframe may be open


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What a source may ask of us; beyond it is a MediaError."""

    max_duration_s: float = 4 * 3600.0
    max_pixels: int = 8192 * 4320


@dataclass(frozen=True, kw_only=True)
class VideoInfo:
    """What a container says of its first video stream (and whether it has sound).

    `width` and `height` are of the picture as it is shown: upright, with square pixels.
    """

    width: int
    height: int
    duration_s: float | None
    fps: float | None
    codec: str
    container: str
    has_audio: bool


def probe(media: Path | bytes, *, limits: Limits | None = None) -> VideoInfo:
    """Read the header; MediaError when it is no media, holds no video, or is over the limits."""
    limits = limits or Limits()
    with _open(media) as container:
        stream = _video_stream(container, limits)
        width, height = _shown_size(container, stream, limits)
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
    keyframes_only: bool = False,
    on_packet: Callable[[bytes], object] | None = None,
    limits: Limits | None = None,
) -> Iterator[Frame]:
    """Yield the frames of [start_s, end_s) on the grid `index / fps`, their `image` at most `width` px wide.

    A span gives exactly the frames that the whole would give there. Memory is bounded whatever the length. With
    `keyframes_only`, the pictures between keyframes aren't decoded, and the last keyframe stands for them. `on_packet`
    is given every packet of the video stream as it is read. Raises MediaError when the stream can't be decoded, or goes
    beyond the limits.
    """
    limits = limits or Limits()
    end_index = None if end_s is None else round(end_s * fps)
    with _open(media) as container:
        stream = _video_stream(container, limits)
        if keyframes_only:
            stream.codec_context.skip_frame = "NONKEY"
        _seek_keyframe(container, stream, start_s)
        timed, reformatter = _timed(container, stream, limits, on_packet), VideoReformatter()
        for index, decoded in _on_grid(timed, fps=fps, first=round(start_s * fps)):
            if end_index is not None and index >= end_index:
                return
            yield Frame(
                index=index, decoded=decoded, turn=quarter_turns(decoded), max_width=width, reformatter=reformatter
            )


def read_audio(
    media: Path | bytes,
    *,
    sample_rate_hz: int = CORPUS_RATE_HZ,
    start_s: float = 0.0,
    end_s: float | None = None,
    channels: int = 1,
) -> NDArray[np.float32]:
    """Return the sound of [start_s, end_s) in [-1, 1]: (n,) for one channel, else (channels, n).

    The clock is the video's: silence where the sound starts later, ends earlier or has a gap in its times, cut where it
    starts earlier. Without video it is the sound's own. Raises MediaError("no_audio_stream") when there is none.
    """
    with _open(media) as container:
        stream = _audio_stream(container)
        origin_s = _origin_s(next(iter(_moving(container)), stream))
        _seek(container, stream, start_s - _PREROLL_S, origin_s=origin_s)
        until_s = None if end_s is None else end_s + origin_s
        resampler = av.AudioResampler(format="fltp", layout="stereo" if channels == 2 else "mono", rate=sample_rate_hz)
        pieces = list(stretches(until(container.decode(stream), until_s), resampler))
    at = [(round((time_s - origin_s - start_s) * sample_rate_hz), samples) for time_s, samples in pieces]
    length = max((first + piece.shape[1] for first, piece in at), default=0)
    if end_s is not None:
        length = round((end_s - start_s) * sample_rate_hz)
    elif length > Limits().max_duration_s * sample_rate_hz:
        raise MediaError("too_long", f"the sound's times run to {length / sample_rate_hz:.0f} s")
    samples = laid_out(at, channels, length)
    return samples[0] if channels == 1 else samples


def audio_format(media: Path | bytes) -> tuple[int, int, bool]:
    """Return (sample_rate_hz, channels, has_video) of the first audio stream; a cover picture is no video."""
    with _open(media) as container:
        stream = _audio_stream(container)
        return stream.rate, stream.channels, bool(_moving(container))


@contextmanager
def _open(media: Path | bytes) -> Iterator[av.container.InputContainer]:
    """Open a plain container of local bytes: a playlist or script, which names other files, is no media."""
    source = io.BytesIO(media) if isinstance(media, bytes) else f"file:{media}"
    try:
        container = av.open(
            source,
            "r",
            options={"format_whitelist": _CONTAINERS, "protocol_whitelist": "file"},
            metadata_errors="replace",  # a title in some old code page doesn't spoil the picture
        )
    except av.error.MemoryError:
        raise  # the worker's limit, no fault of the file's
    except (av.error.FFmpegError, ValueError) as error:
        raise MediaError(*_why_not_opened(media, error)) from error
    try:
        with container:
            yield container
    except av.error.MemoryError:
        raise
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
        return "truncated", "an MP4 whose index (moov) is missing or broken: cut off, or never finished"
    return "not_media", "not a media file that can be decoded, whatever its name says"


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(16)


def _moving(container: av.container.InputContainer) -> list[av.VideoStream]:
    """The video streams that aren't a song's cover."""
    return [s for s in container.streams.video if not s.disposition & av.stream.Disposition.attached_pic]


def _video_stream(container: av.container.InputContainer, limits: Limits) -> av.VideoStream:
    streams = _moving(container)
    if not streams:
        raise MediaError("no_video_stream", "there is no video stream")
    _check_decoder(streams[0])
    context = streams[0].codec_context
    _check_size(context.width, context.height, limits)
    context.thread_count = 1  # a worker owns one core
    return streams[0]


def _audio_stream(container: av.container.InputContainer) -> av.AudioStream:
    if not container.streams.audio:
        raise MediaError("no_audio_stream", "there is no audio stream")
    _check_decoder(container.streams.audio[0])
    return container.streams.audio[0]


def _check_decoder(stream: av.VideoStream | av.AudioStream) -> None:
    if stream.codec_context is None:
        raise MediaError("no_decoder", f"nothing here decodes the {stream.type} stream")


def _check_size(width: int, height: int, limits: Limits) -> None:
    if width * height > limits.max_pixels:
        raise MediaError("too_large", f"{width}x{height} px is over the limit of {limits.max_pixels} px")


def _declared_duration_s(container: av.container.InputContainer, stream: av.VideoStream) -> float | None:
    if stream.duration is not None and stream.time_base is not None:
        return float(stream.duration * stream.time_base)
    return container.duration / av.time_base if container.duration is not None else None


def _origin_s(stream: av.VideoStream | av.AudioStream) -> float:
    if stream.start_time is None or stream.time_base is None:
        return 0.0
    return float(stream.start_time * stream.time_base)


def _seek(
    container: av.container.InputContainer, stream: av.VideoStream | av.AudioStream, to_s: float, *, origin_s: float
) -> bool:
    """Go to a packet at or before `to_s`; False, and no move, where there is none to go to."""
    if to_s <= 0 or stream.time_base is None:
        return False
    try:
        container.seek(int((to_s + origin_s) / stream.time_base), stream=stream, backward=True)
    except av.error.FFmpegError:
        return False
    return True


def _seek_keyframe(container: av.container.InputContainer, stream: av.VideoStream, start_s: float) -> None:
    """Go to a keyframe the preroll or more before `start_s`, or to the beginning; some containers go to any packet."""
    origin_s, back_s = _origin_s(stream), _PREROLL_S
    while _seek(container, stream, start_s - back_s, origin_s=origin_s):
        if _keyframe_comes(container, stream, before_s=start_s - _PREROLL_S + origin_s):
            _seek(container, stream, start_s - back_s, origin_s=origin_s)
            return
        back_s *= 4
    if start_s > _PREROLL_S:
        container.seek(0, any_frame=True)


def _keyframe_comes(container: av.container.InputContainer, stream: av.VideoStream, *, before_s: float) -> bool:
    for packet in container.demux(stream):
        stamp = packet.pts if packet.dts is None else packet.dts
        if stamp is None or float(stamp * packet.time_base) > before_s:
            return False
        if packet.is_keyframe:
            return True
    return False


def _shown_size(container: av.container.InputContainer, stream: av.VideoStream, limits: Limits) -> tuple[int, int]:
    first = next(shown(_decoded(container, stream, limits), stream), None)
    if first is None:
        raise MediaError("no_frames", "the video stream holds no picture that can be decoded")
    if min(first.width, first.height) < _MIN_SIDE_PX:
        raise MediaError("too_small", f"{first.width}x{first.height} px is no picture to find a face in")
    return (first.height, first.width) if quarter_turns(first) % 2 else (first.width, first.height)


def _decoded(
    container: av.container.InputContainer,
    stream: av.VideoStream,
    limits: Limits,
    on_packet: Callable[[bytes], object] | None = None,
) -> Iterator[av.VideoFrame]:
    """Yield the stream's pictures as they are coded, none of them over the limits."""
    for frame in _of_packets(container, stream, on_packet):
        _check_size(frame.width, frame.height, limits)
        yield frame


def _of_packets(
    container: av.container.InputContainer, stream: av.VideoStream, on_packet: Callable[[bytes], object] | None
) -> Iterator[av.VideoFrame]:
    for packet in container.demux(stream):
        if on_packet is not None:
            on_packet(bytes(packet))
        try:
            yield from packet.decode()
        except av.error.InvalidDataError:
            if not packet.is_corrupt:  # so the demuxer marks where a cut-off file ends: what came before counts
                raise


def _timed(
    container: av.container.InputContainer,
    stream: av.VideoStream,
    limits: Limits,
    on_packet: Callable[[bytes], object] | None = None,
) -> Iterator[tuple[float, av.VideoFrame]]:
    """Yield (seconds since the origin, frame), strictly rising; a frame without PTS follows at the average rate."""
    origin_s, last_s = _origin_s(stream), None
    step_s = 1 / float(stream.average_rate or CORPUS_FPS)
    for frame in shown(_decoded(container, stream, limits, on_packet), stream):
        time_s = frame.time - origin_s if frame.time is not None else (0.0 if last_s is None else last_s + step_s)
        if time_s > limits.max_duration_s:
            raise MediaError(
                "too_long", f"a picture at {time_s:.0f} s is over the limit of {limits.max_duration_s:.0f} s"
            )
        if last_s is None or time_s > last_s:
            last_s = time_s
            yield time_s, frame


def _on_grid(
    timed: Iterator[tuple[float, av.VideoFrame]], *, fps: int, first: int
) -> Iterator[tuple[int, av.VideoFrame]]:
    """Yield (grid index, the frame nearest to index / fps) from `first` on; the last frame is shown for one step.

    No frame is shown more than half a step before its time: where frames are far apart, the earlier one stands still.
    """
    index = first
    shown: tuple[float, av.VideoFrame] | None = None
    for time_s, frame in timed:
        while shown is not None and index / fps < max((shown[0] + time_s) / 2, time_s - 0.5 / fps):
            yield index, shown[1]
            index += 1
        shown = (time_s, frame)
    if shown is not None and round(shown[0] * fps) >= index:
        yield index, shown[1]
