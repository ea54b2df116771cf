"""Cuts a kept clip out of its source: one fixed crop at 25 fps with sound, the exact sound, and who it shows."""

import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from curate.clip_media import ClipMedia
from curate.crop import CropBox, crop, crop_box, to_crop
from curate.identity import embed
from curate.media import read_frames
from curate.media_writing import encode_flac, write_video

IDENTITY_FRAMES = 3


@dataclass(frozen=True, kw_only=True)
class EncodedClip:
    """`video` is an mp4 (H.264 at the corpus' rate, AAC), `audio` a FLAC of the same span or None without sound,
    `identity` the (128,) unit vector of the face, `points` (F, 5, 2) and `boxes` (F, 4) are in px of the crop."""

    video: bytes
    audio: bytes | None
    box: CropBox
    n_frames: int
    boxes: NDArray[np.float32]
    points: NDArray[np.float32]
    identity: NDArray[np.float32]


def encode_clip(
    media: ClipMedia, source: Path, *, width: int, height: int, size: int = 512, crf: int = 18
) -> EncodedClip:
    """Decode the clip's span once more at full size (`width` x `height` px) and encode its (size, size) crop."""
    box = crop_box(media.track.boxes, width=width, height=height)
    frames = read_frames(source, fps=media.fps, start_s=media.track.start_s, end_s=media.track.end_s)
    sound = None if media.audio is None else np.clip(media.audio, -1.0, 1.0)
    points = to_crop(media.track.points, box, size=size)
    seen: list[NDArray[np.float32]] = []
    with tempfile.TemporaryDirectory(prefix="emoforge-") as scratch:
        file = Path(scratch) / "clip.mp4"  # a file, since PyAV can't move the index to the front of a BytesIO
        pictures = (crop(frame.image, box, size=size) for frame in frames)
        n_frames = write_video(file, _identified(pictures, points, seen), fps=media.fps, audio=sound, crf=crf)
        video = file.read_bytes()
    mean = np.mean(seen, axis=0)
    return EncodedClip(
        video=video,
        audio=None if sound is None else encode_flac(sound),
        box=box,
        n_frames=n_frames,
        boxes=to_crop(media.track.boxes.reshape(-1, 2, 2), box, size=size).reshape(-1, 4),
        points=points,
        identity=(mean / np.linalg.norm(mean)).astype(np.float32),
    )


def _identified(
    pictures: Iterable[NDArray[np.uint8]], points: NDArray[np.float32], seen: list[NDArray[np.float32]]
) -> Iterator[NDArray[np.uint8]]:
    """Pass the pictures on, and note whom a few of them, spread over the clip, show."""
    chosen = {len(points) * (2 * i + 1) // (2 * IDENTITY_FRAMES) for i in range(IDENTITY_FRAMES)}
    for index, picture in enumerate(pictures):
        if index in chosen:
            seen.append(embed(picture, points[index]))
        yield picture
