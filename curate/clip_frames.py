"""Decodes some frames of a corpus clip and no others: from each one's keyframe on, without what nothing refers to.

A clip's mp4 is one that `media_writing` wrote: H.264 at a constant rate in closed groups. Its own index says where each
picture's bytes lie, so nothing is probed, and only what lies between a keyframe and a wanted frame is decoded; of that,
pictures that no other refers to are passed over. What comes is what decoding the whole clip gives, to the bit.
"""

from collections.abc import Iterator, Sequence

import av
import av.error
import numpy as np
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray

from curate.errors import MediaError
from curate.frame import Frame
from curate.mp4_index import PictureIndex, picture_index

_MAX_PIXELS = 8192 * 4320


def frames_at(mp4: bytes, wanted: Sequence[int]) -> Iterator[Frame]:
    """Yield the wanted frames (numbers from 0), rising and each once; MediaError for what is not there, or broken."""
    index, numbers = picture_index(mp4), sorted(set(wanted))
    if numbers[0] < 0 or numbers[-1] >= len(index.shown_at):
        raise MediaError("too_short", f"frame {numbers[-1]} is wanted of a clip of {len(index.shown_at)} frames")
    reformatter, pictures = VideoReformatter(), _decoded(mp4, index, frozenset(numbers))
    for number in numbers:
        picture = next(pictures, None)
        if picture is None or picture.pts != number or picture.is_corrupt:
            raise MediaError("damaged", f"frame {number} can't be decoded")
        yield Frame(index=number, decoded=picture, reformatter=reformatter)


def _decoded(mp4: bytes, index: PictureIndex, wanted: frozenset[int]) -> Iterator[av.VideoFrame]:
    """Yield the wanted pictures as they come out of the decoder; their `pts` is their number."""
    codec = av.CodecContext.create("h264", "r")
    codec.extradata, codec.thread_count = index.parameters, 1
    codec.options = {"err_detect": "explode", "max_pixels": str(_MAX_PIXELS)}
    is_wanted = np.isin(index.shown_at, list(wanted))
    try:
        for sample in _needed(index, is_wanted):
            codec.skip_frame = "DEFAULT" if is_wanted[sample] else "NONREF"
            packet = av.Packet(mp4[index.begins[sample] : index.ends[sample]])
            packet.pts = int(index.shown_at[sample])
            yield from (picture for picture in codec.decode(packet) if picture.pts in wanted)
        yield from (picture for picture in codec.decode(None) if picture.pts in wanted)
    except av.error.MemoryError:
        raise  # the process' limit, no fault of the clip's
    except av.error.FFmpegError as error:
        raise MediaError("damaged", f"the pictures can't be decoded: {error.strerror or error}") from error


def _needed(index: PictureIndex, is_wanted: NDArray[np.bool_]) -> list[int]:
    """Return the samples from its keyframe to each that is wanted, in the order of decoding."""
    keys, ends = np.flatnonzero(index.is_key), np.flatnonzero(is_wanted)
    begins = keys[np.searchsorted(keys, ends, side="right") - 1]
    spans = zip(begins.tolist(), ends.tolist(), strict=True)
    return sorted({sample for begin, end in spans for sample in range(begin, end + 1)})
