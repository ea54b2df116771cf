"""What a file says of itself before a picture is looked at: codecs, bits, keyframes, rates and tags."""

from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
from av.video.reformatter import ColorRange
from numpy.typing import NDArray

from curate.media import Limits, _audio_stream, _open, _video_stream

MOST_PACKETS = 20_000  # 13 minutes at 25 fps; enough to know a file by


@dataclass(frozen=True, kw_only=True)
class ContainerFacts:
    """`packet_bytes` (n,) and `is_key` (n,) are of the video's packets in the file's order, at most MOST_PACKETS;
    `n_tags` counts the tags of the container and its streams. What a file has no sound for is None."""

    container: str
    video_codec: str
    fps: float | None
    packet_bytes: NDArray[np.int64]
    is_key: NDArray[np.bool_]
    is_full_range: bool
    n_tags: int
    audio_codec: str | None = None
    audio_rate_hz: int | None = None
    audio_channels: int | None = None


def container_facts(media: Path | bytes) -> ContainerFacts:
    """Read headers and packets, and decode nothing; MediaError when it is no media or holds no video."""
    with _open(media) as container:
        stream = _video_stream(container, Limits())
        sound = _audio_stream(container) if container.streams.audio else None
        tags = [container.metadata, *(each.metadata for each in container.streams)]
        packets = [(packet.size, packet.is_keyframe) for packet in islice(container.demux(stream), MOST_PACKETS)]
        sizes = np.array([size for size, _ in packets if size], np.int64)
        return ContainerFacts(
            container=container.format.name,
            video_codec=stream.codec_context.name,
            fps=float(stream.average_rate) if stream.average_rate else None,
            packet_bytes=sizes,
            is_key=np.array([key for size, key in packets if size], bool),
            is_full_range=int(stream.codec_context.color_range) == int(ColorRange.JPEG),
            n_tags=sum(map(len, tags)),
            audio_codec=None if sound is None else sound.codec_context.name,
            audio_rate_hz=None if sound is None else sound.rate,
            audio_channels=None if sound is None else sound.channels,
        )
