"""A clip's pictures: one fixed square of the source, as they will be encoded, decoded once for all who look at them."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from curate.crop import CropBox, crop_box
from curate.frame import Box
from curate.media import read_frames
from curate.media_writing import DecodedPicture, squares
from curate.tracks import Track


@dataclass(frozen=True, kw_only=True, eq=False)
class ClipPictures:
    """`frames`: F decoded pictures of the square `box` of the source; 0.4 MB each at 512 px, 118 MB for 12 s."""

    box: CropBox
    frames: tuple[DecodedPicture, ...]


def clip_pictures(source: Path | bytes, track: Track, *, width: int, height: int, size: int) -> ClipPictures:
    """Decode a track's span of a source of `width` x `height` px, and bring its crop to (size, size)."""
    box = crop_box(track.boxes, width=width, height=height)
    return ClipPictures(box=box, frames=tuple(squares(_crops(source, track, box, fps=track.fps), size)))


def stream_pictures(
    source: Path | bytes, track: Track, *, width: int, height: int, size: int, fps: int
) -> Iterator[DecodedPicture]:
    """Yield the same crop of a track's span one picture at a time, at a frame rate that may be another."""
    box = crop_box(track.boxes, width=width, height=height)
    return squares(_crops(source, track, box, fps=fps), size)


def _crops(source: Path | bytes, track: Track, box: CropBox, *, fps: int) -> Iterator[DecodedPicture]:
    """Yield the span's crops: from the decoder's planes to the encoder's there is no detour over RGB."""
    square = Box(left=box.left, top=box.top, right=box.left + box.side, bottom=box.top + box.side)
    for frame in read_frames(source, fps=fps, start_s=track.start_s, end_s=track.end_s):
        yield frame.planes(square)
