"""Writes video and audio: H.264 at a constant frame rate with AAC, and FLAC."""

import io
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import Any

import av
import av.container
import numpy as np
from av.video.reformatter import ColorRange, Colorspace, VideoReformatter
from numpy.typing import NDArray

from curate.media import CORPUS_FPS, CORPUS_RATE_HZ
from curate.media import _open as open_container

_AAC_RATES_HZ = (8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000, 64_000, 88_200, 96_000)
_AAC_BLOCK = 1024
# At widths that aren't multiples, x264's macroblock tree reads what it hasn't written where the processor has AVX-512,
# and the same pictures give other bytes now and then (measured: 64, 86 and 96 px; none does without the tree).
X264_STEADY_PX = 128
_BT709 = 1  # ISO/IEC 23091-2, for primaries, transfer and matrix alike

_WRITTEN: dict[str, Any] = {
    "format": "yuv420p",
    "dst_colorspace": Colorspace.ITU709,
    "dst_color_range": ColorRange.MPEG,
    "threads": 1,
}

DecodedPicture = av.VideoFrame
Picture = NDArray[np.uint8] | DecodedPicture  # (H, W, 3) RGB, or a decoded picture
Samples = NDArray[np.float32] | NDArray[np.int16]  # (channels, n)


def write_video(
    path: Path,
    frames: Iterable[Picture],
    *,
    fps: int = CORPUS_FPS,
    audio: NDArray[np.float32] | Iterator[NDArray[np.float32]] | None = None,
    sample_rate_hz: int = CORPUS_RATE_HZ,
    crf: int = 18,
    metadata: Mapping[str, str] | None = None,
) -> int:
    """Write frames of one even size, and sound (n,) or (channels, n) in [-1, 1]; return the frame count.

    H.264, yuv420p, bt709, closed groups of one second, on one thread (so the same frames give the same bytes); AAC;
    the index comes first. The file appears whole or not at all. Sound beyond the video's
    end is left out; long sound may come as an iterator of (channels, n) blocks. `metadata` are tags that MP4 knows
    (title, comment, encoding_tool, ...).
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with _appearing(path) as scratch, av.open(str(scratch), "w", format="mp4", options=_MUXER) as container:
        container.metadata.update(metadata or {})
        sound = iter([np.atleast_2d(audio)]) if isinstance(audio, np.ndarray) else audio
        return _write(container, frames, fps=fps, audio=sound, sample_rate_hz=sample_rate_hz, crf=crf)


def read_metadata(path: Path) -> dict[str, str]:
    """Return the container's tags, those that `write_video` wrote among them; MediaError when it is no media."""
    with open_container(path) as container:
        return dict(container.metadata)


def encode_flac(samples: NDArray[np.float32], sample_rate_hz: int = CORPUS_RATE_HZ) -> bytes:
    """Return (n,) samples in [-1, 1] as 16-bit FLAC."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="flac", options={"fflags": "+bitexact"}) as container:
        stream = container.add_stream("flac", rate=sample_rate_hz, layout="mono")
        stream.codec_context.format = "s16"
        pcm = (np.clip(samples, -1, 1) * 32767).round().astype(np.int16)[None]
        for frame in _audio_frames(_in_blocks([pcm], 4096), sample_rate_hz, format="s16"):
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return buffer.getvalue()


_MUXER = {"movflags": "+faststart", "fflags": "+bitexact"}


@contextmanager
def _appearing(path: Path) -> Iterator[Path]:
    """Give a scratch name beside `path` that becomes it when all went well."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".tmp-", suffix=path.suffix)
    os.close(handle)
    scratch = Path(name)
    try:
        yield scratch
        scratch.chmod(0o644)
        scratch.replace(path)
    finally:
        scratch.unlink(missing_ok=True)


def _write(
    container: av.container.OutputContainer,
    frames: Iterable[Picture],
    *,
    fps: int,
    audio: Iterator[NDArray[np.float32]] | None,
    sample_rate_hz: int,
    crf: int,
) -> int:
    video, sound = None, None
    pending: Iterator[av.AudioFrame] = iter(())
    count, heard_s = 0, 0.0
    reformatter = VideoReformatter()
    for count, image in enumerate(frames, start=1):
        picture = _as_written(image, reformatter)
        if video is None:
            video = _video_stream(container, picture, fps=fps, crf=crf)
            if audio is not None:
                sound, pending = _audio_stream(container, audio, sample_rate_hz)
        picture.pts, picture.time_base = count - 1, Fraction(1, fps)
        container.mux(video.encode(picture))
        while sound is not None and heard_s < count / fps and (block := next(pending, None)) is not None:
            heard_s = float((block.pts or 0) + block.samples) / block.sample_rate
            container.mux(sound.encode(block))
    for stream in (video, sound):
        if stream is not None:
            container.mux(stream.encode(None))
    return count


def _video_stream(
    container: av.container.OutputContainer, picture: av.VideoFrame, *, fps: int, crf: int
) -> av.VideoStream:
    steady = "" if picture.width % X264_STEADY_PX == 0 else ":mbtree=0"
    groups = f"keyint={fps}:min-keyint={fps}:scenecut=0:open-gop=0{steady}"
    stream: av.VideoStream = container.add_stream(
        "libx264", rate=fps, options={"crf": str(crf), "preset": "veryfast", "x264-params": groups}
    )
    stream.height, stream.width = picture.height, picture.width
    stream.pix_fmt = "yuv420p"
    context = stream.codec_context
    context.thread_count = 1
    context.time_base = Fraction(1, fps)
    context.color_primaries = context.color_trc = context.colorspace = _BT709
    context.color_range = int(ColorRange.MPEG)
    return stream


def squares(pictures: Iterable[av.VideoFrame], size: int) -> Iterator[av.VideoFrame]:
    """Yield decoded pictures as (size, size) px in the colours that videos are written in."""
    reformatter = VideoReformatter()
    for picture in pictures:
        method = "AREA" if picture.width > size else "BICUBIC"
        yield reformatter.reformat(picture, size, size, interpolation=method, **_WRITTEN)


def as_rgb(picture: av.VideoFrame) -> NDArray[np.uint8]:
    """Return a decoded picture as (H, W, 3) RGB."""
    return np.asarray(picture.to_ndarray(format="rgb24"), np.uint8)


def _as_written(image: Picture, reformatter: VideoReformatter) -> av.VideoFrame:
    if isinstance(image, np.ndarray):
        image = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")
    return reformatter.reformat(image, **_WRITTEN)


def _audio_stream(
    container: av.container.OutputContainer, samples: Iterator[NDArray[np.float32]], rate_hz: int
) -> tuple[av.AudioStream, Iterator[av.AudioFrame]]:
    """Add an AAC stream and return it with its frames; a rate that AAC lacks is resampled to 48 kHz."""
    to_hz = rate_hz if rate_hz in _AAC_RATES_HZ else 48_000
    first = next(samples, np.zeros((1, 0), np.float32))
    layout = "mono" if len(first) == 1 else "stereo"
    stream: av.AudioStream = container.add_stream("aac", rate=to_hz, layout=layout)
    stream.bit_rate = 64_000 if to_hz <= 16_000 else 128_000
    blocks = _in_blocks((block[:2] for block in chain([first], samples)), _AAC_BLOCK)
    frames = _audio_frames(blocks, rate_hz, format="fltp")
    return stream, frames if to_hz == rate_hz else _to_rate(frames, layout, to_hz)


def _to_rate(frames: Iterator[av.AudioFrame], layout: str, rate_hz: int) -> Iterator[av.AudioFrame]:
    resampler = av.AudioResampler(format="fltp", layout=layout, rate=rate_hz, frame_size=_AAC_BLOCK)
    for frame in frames:
        yield from resampler.resample(frame)
    yield from resampler.resample(None)


def _in_blocks(pieces: Iterable[Samples], length: int) -> Iterator[Samples]:
    """Yield the same samples in blocks of `length`, the last one shorter."""
    rest: Samples | None = None
    for piece in pieces:
        rest = piece if rest is None else np.concatenate([rest, piece], axis=1)
        whole = rest.shape[1] // length * length
        for start in range(0, whole, length):
            yield rest[:, start : start + length]
        rest = rest[:, whole:]
    if rest is not None and rest.shape[1]:
        yield rest


def _audio_frames(blocks: Iterable[Samples], rate_hz: int, *, format: str) -> Iterator[av.AudioFrame]:
    start = 0
    for block in blocks:
        piece: Samples = np.ascontiguousarray(block)  # type: ignore[assignment]
        frame = av.AudioFrame.from_ndarray(piece, format=format, layout="mono" if len(piece) == 1 else "stereo")
        frame.sample_rate, frame.pts, frame.time_base = rate_hz, start, Fraction(1, rate_hz)
        yield frame
        start += piece.shape[1]
