"""Reads a video into a recording, and writes a recording as MP4: one decode, one encode, the same bytes twice."""

from __future__ import annotations

import io
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import Any, cast

import av
import av.codec
import av.codec.context
import av.container
import av.error
import numpy as np
from av.video.reformatter import ColorRange, Colorspace, VideoReformatter
from numpy.typing import NDArray

from curate.errors import ConfigError, MediaError
from curate.media import CORPUS_FPS, CORPUS_RATE_HZ, read_audio, read_frames
from curate.media_writing import X264_STEADY_PX
from evaluate.detection.detector import Medium
from evaluate.detection.recording import Coding, Recording

Stream = av.VideoStream | av.AudioStream
Packets = list["av.Packet[Any]"]

_BT709 = 1  # ISO/IEC 23091-2, for primaries, transfer and matrix alike
_MUXER = {"fflags": "+bitexact"}  # the index comes last: bringing it to the front needs a file to read again
_OWN_RATE_HZ = {"libopus": 48_000}  # in MP4, Opus runs on this clock alone
_TASKS = Path("/proc/self/task")  # the threads of this process
_ONE_THREAD = {  # where `thread_count` isn't heard; more threads may give other bytes
    "libx265": {"x265-params": "pools=none:frame-threads=1:info=0:log-level=error"},
    "libsvtav1": {"svtav1-params": "lp=1"},
}


def read_recording(media: Path | bytes, *, max_s: float | None = None) -> Recording:
    """Decode a video once: at most `max_s` seconds of it on the corpus' grid (25 fps), with its sound at 16 kHz, mono,
    exactly as long as the pictures.

    All pictures are held (4.9 MB a second at 256 px), so without `max_s` a long video takes much memory. An odd side
    loses its last line. Raises MediaError when the video can't be decoded.
    """
    images = [frame.image for frame in read_frames(media, end_s=max_s)]
    if not images:
        raise MediaError("no_frames", "the video holds no picture that can be decoded")
    height, width = images[0].shape[0] & ~1, images[0].shape[1] & ~1
    frames = np.stack([image[:height, :width] for image in images])
    samples = _sound_of(media, len(frames) / CORPUS_FPS)
    return Recording(frames=frames, fps=CORPUS_FPS, samples=samples, sample_rate_hz=CORPUS_RATE_HZ)


def write_recording(recording: Recording, *, unchanged: Sequence[Medium] = (), source: bytes = b"") -> bytes:
    """Return an MP4 of the recording, encoded as its `coding` says on one thread: the same recording, the same bytes.

    Every codec goes into MP4, so that the container never tells how a video was treated. A medium that is named in
    `unchanged` isn't encoded: its packets are taken as they are from `source`, the MP4 that the recording was read
    from. ConfigError names an encoder that is missing here, MediaError("not_encoded") what an encoder refused.
    """
    check_encoders(recording.coding)
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4", options=_MUXER) as container:
        packets = _copied(container, source, "picture") if "picture" in unchanged else _pictures(container, recording)
        if recording.samples is not None:
            packets += _copied(container, source, "sound") if "sound" in unchanged else _sound(container, recording)
        container.mux(packets)  # not before everything is encoded: the header wants to know all streams
    return buffer.getvalue()


def decoded_again(recording: Recording) -> Recording:
    """Return the recording with the pictures that come out of its own coding; the sound stays as it is."""
    with av.open(io.BytesIO(write_recording(replace(recording, samples=None))), "r") as container:
        frames = [np.asarray(frame.to_ndarray(format="rgb24"), np.uint8) for frame in container.decode(video=0)]
    return replace(recording, frames=np.stack(frames))


def check_encoders(coding: Coding) -> None:
    """ConfigError names the first of a coding's encoders that this PyAV was built without."""
    for name in (coding.video, coding.sound):
        try:
            av.codec.Codec(name, "w")
        except av.codec.codec.UnknownCodecError as error:
            message = f"this PyAV ({av.__version__}) has no encoder {name!r}; its wheels have: pip install av"
            raise ConfigError(message) from error


def _sound_of(media: Path | bytes, duration_s: float) -> NDArray[np.float32] | None:
    try:
        return read_audio(media, end_s=duration_s)
    except MediaError as error:
        if error.reason == "no_audio_stream":
            return None
        raise


def _pictures(container: av.container.OutputContainer, recording: Recording) -> Packets:
    coding, rate = recording.coding, Fraction(recording.fps).limit_denominator(1001)
    options = {**_ONE_THREAD.get(coding.video, {}), **coding.options}
    if coding.video == "libx264" and recording.frames.shape[2] % X264_STEADY_PX:
        options["x264-params"] = ":".join(filter(None, [options.get("x264-params"), "mbtree=0"]))
    stream = cast("av.VideoStream", container.add_stream(coding.video, rate=rate, options=options))
    stream.height, stream.width = recording.frames.shape[1:3]
    stream.pix_fmt = "yuv420p"
    context = stream.codec_context
    context.thread_count, context.time_base = 1, 1 / rate
    context.color_primaries = context.color_trc = context.colorspace = _BT709
    context.color_range = int(ColorRange.MPEG)
    if coding.video == "libsvtav1":
        context.flags |= av.codec.context.Flags.bitexact
        _open_quietly(context)
    return _encoded(stream, _as_written(recording.frames, 1 / rate), coding)


def _open_quietly(context: av.VideoCodecContext) -> None:
    """Open SVT-AV1 without its chatter, and take back the real-time priority over the whole machine that it gives the
    calling thread, and the threads that it starts, wherever it may (as root)."""
    os.environ.setdefault("SVT_LOG", "1")  # errors only: the library has no other switch
    if not hasattr(os, "sched_setscheduler"):
        return
    policy, priority = os.sched_getscheduler(0), os.sched_getparam(0)
    before = set(_TASKS.iterdir())
    context.open()
    for thread in (0, *(int(task.name) for task in set(_TASKS.iterdir()) - before)):
        with suppress(ProcessLookupError):
            os.sched_setscheduler(thread, policy, priority)


def _as_written(frames: NDArray[np.uint8], time_base: Fraction) -> Iterator[av.VideoFrame]:
    reformatter = VideoReformatter()
    for index, image in enumerate(frames):
        picture = reformatter.reformat(
            av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24"),
            format="yuv420p",
            dst_colorspace=Colorspace.ITU709,
            dst_color_range=ColorRange.MPEG,
            threads=1,
        )
        picture.pts, picture.time_base = index, time_base
        yield picture


def _sound(container: av.container.OutputContainer, recording: Recording) -> Packets:
    coding, rate_hz = recording.coding, recording.sample_rate_hz
    coded_hz = _OWN_RATE_HZ.get(coding.sound, rate_hz)
    stream = cast("av.AudioStream", container.add_stream(coding.sound, rate=coded_hz, layout="mono"))
    if coding.sound_bit_rate is not None:
        stream.bit_rate = coding.sound_bit_rate
    samples = np.clip(np.asarray(recording.samples, np.float32), -1, 1)
    whole = av.AudioFrame.from_ndarray(samples[None], format="fltp", layout="mono")
    whole.sample_rate, whole.pts, whole.time_base = rate_hz, 0, Fraction(1, rate_hz)
    return _encoded(stream, [whole], coding)


def _encoded(stream: Stream, frames: Iterable[av.VideoFrame] | Iterable[av.AudioFrame], coding: Coding) -> Packets:
    stream.codec_context.flags |= av.codec.context.Flags.bitexact
    try:
        return [packet for frame in chain(frames, [None]) for packet in stream.encode(frame)]  # type: ignore[arg-type]
    except (av.error.FFmpegError, ValueError) as error:
        wanted = f"{coding.video} {dict(coding.options)} with {coding.sound} at {coding.sound_bit_rate} bit/s"
        raise MediaError("not_encoded", f"the {stream.type} can't be encoded by {wanted}: {error}") from error


def _copied(container: av.container.OutputContainer, source: bytes, medium: Medium) -> Packets:
    with av.open(io.BytesIO(source), "r") as origin:
        streams = origin.streams.video if medium == "picture" else origin.streams.audio
        if not streams:
            raise MediaError("no_stream", f"the source has no {medium} whose packets could be kept")
        packets = [packet for packet in origin.demux(streams[0]) if packet.dts is not None]
        stream = container.add_stream_from_template(streams[0])
    for packet in packets:
        packet.stream = stream
    return packets
