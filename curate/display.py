"""Decoded pictures as they are to be shown: without interlaced lines, with square pixels, upright, all of one size."""

from collections.abc import Iterable, Iterator
from itertools import chain

import av
import av.error
import av.filter
from av.video.reformatter import VideoReformatter

_MOST_STRETCH = 4.0  # pixels longer than this are a broken header, not a format


def shown(frames: Iterator[av.VideoFrame], stream: av.VideoStream) -> Iterator[av.VideoFrame]:
    """Yield the pictures as they are to be shown: without interlaced lines, with square pixels, all of one size."""
    coded, stretch = (stream.codec_context.width, stream.codec_context.height), pixel_stretch(stream)
    reformatter = VideoReformatter()
    size = coded if stretch == 1.0 else (stretched_width(coded[0], stretch), coded[1])
    for frame in _progressive(_of_one_size(frames, coded), stream):
        yield frame if (frame.width, frame.height) == size else reformatter.reformat(frame, *size, threads=1)


def _of_one_size(frames: Iterator[av.VideoFrame], size: tuple[int, int]) -> Iterator[av.VideoFrame]:
    """A call's picture changes its size in mid-stream, where the line gets worse: bring it back to the first's."""
    for frame in frames:
        yield frame if (frame.width, frame.height) == size else frame.reformat(*size, threads=1)


def _progressive(frames: Iterator[av.VideoFrame], stream: av.VideoStream) -> Iterator[av.VideoFrame]:
    for frame in frames:
        if frame.interlaced_frame:
            yield from _deinterlaced(chain([frame], frames), stream)
            return
        yield frame


def _deinterlaced(frames: Iterable[av.VideoFrame], stream: av.VideoStream) -> Iterator[av.VideoFrame]:
    """One picture for each, its second field's lines filled in; pictures that aren't interlaced stay as they are."""
    graph = av.filter.Graph()
    graph.threads = 1
    graph.link_nodes(graph.add_buffer(template=stream), graph.add("bwdif", "deint=interlaced:mode=send_frame"),
                     graph.add("buffersink")).configure()  # fmt: skip
    for frame in chain(frames, [None]):
        graph.push(frame)
        while True:
            try:
                yield graph.vpull()
            except (av.error.BlockingIOError, av.error.EOFError):
                break


def pixel_stretch(stream: av.VideoStream) -> float:
    """How much wider than high a coded pixel is."""
    ratio = stream.sample_aspect_ratio
    stretch = float(ratio) if ratio else 1.0
    return stretch if 1 / _MOST_STRETCH <= stretch <= _MOST_STRETCH else 1.0


def stretched_width(width: int, stretch: float) -> int:
    """Return a coded width as so many square pixels, an even number."""
    return max(2, round(width * stretch / 2) * 2)


def quarter_turns(frame: av.VideoFrame) -> int:
    """Quarter turns counter-clockwise that bring the picture upright."""
    return round(frame.rotation / 90) % 4
