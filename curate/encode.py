"""Cuts a kept clip out of its source: one fixed crop at 25 fps with sound, the exact sound, and who it shows."""

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import av
import numpy as np
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray

from curate.clip_media import ClipMedia
from curate.crop import CropBox, crop_box, to_crop
from curate.fingerprints import HASH_EVERY_FRAMES, FrameHasher, audio_fingerprint
from curate.frame import Box
from curate.identity import embed
from curate.media import read_frames
from curate.media_writing import encode_flac, squared, write_video

IDENTITY_FRAMES = 3


@dataclass(frozen=True, kw_only=True)
class EncodedClip:
    """`video` is an mp4 (H.264 at the corpus' rate, AAC), `audio` a FLAC of the same span or None without sound,
    `identity` the (128,) unit vector of the face, `points` (F, 5, 2) and `boxes` (F, 4) are in px of the crop,
    `frame_hashes` and `audio_fingerprint` as curate.fingerprints makes them."""

    video: bytes
    audio: bytes | None
    box: CropBox
    n_frames: int
    boxes: NDArray[np.float32]
    points: NDArray[np.float32]
    identity: NDArray[np.float32]
    frame_hashes: list[int]
    audio_fingerprint: list[int]


def encode_clip(
    media: ClipMedia, source: Path, *, width: int, height: int, size: int = 512, crf: int = 18
) -> EncodedClip:
    """Decode the clip's span once more at full size (`width` x `height` px) and encode its (size, size) crop."""
    box = crop_box(media.track.boxes, width=width, height=height)
    sound = None if media.audio is None else np.clip(media.audio, -1.0, 1.0)
    points = to_crop(media.track.points, box, size=size)
    seen = _Seen(points)
    with tempfile.TemporaryDirectory(prefix="emoforge-") as scratch:
        file = Path(scratch) / "clip.mp4"  # a file, since PyAV can't move the index to the front of a BytesIO
        pictures = seen.passing(_crops(media, source, box, size))
        n_frames = write_video(file, pictures, fps=media.fps, audio=sound, crf=crf)
        video = file.read_bytes()
    return EncodedClip(
        video=video,
        audio=None if sound is None else encode_flac(sound),
        box=box,
        n_frames=n_frames,
        boxes=to_crop(media.track.boxes.reshape(-1, 2, 2), box, size=size).reshape(-1, 4),
        points=points,
        identity=seen.identity(),
        frame_hashes=seen.hasher.hashes,
        audio_fingerprint=[] if sound is None else audio_fingerprint(sound),
    )


def _crops(media: ClipMedia, source: Path, box: CropBox, size: int) -> Iterator[av.VideoFrame]:
    """Yield the span's crops, from the decoder's planes to the encoder's without a detour over RGB."""
    square = Box(left=box.left, top=box.top, right=box.left + box.side, bottom=box.top + box.side)
    reformatter = VideoReformatter()
    for frame in read_frames(source, fps=media.fps, start_s=media.track.start_s, end_s=media.track.end_s):
        yield squared(frame.planes(square), size, reformatter)


@dataclass
class _Seen:
    """What is noted of the pictures as they pass: hashes, and whom a few of them, spread over the clip, show."""

    points: NDArray[np.float32]
    hasher: FrameHasher = field(default_factory=FrameHasher)
    faces: list[NDArray[np.float32]] = field(default_factory=list)

    def passing(self, pictures: Iterator[av.VideoFrame]) -> Iterator[av.VideoFrame]:
        n = len(self.points)
        shown = {n * (2 * i + 1) // (2 * IDENTITY_FRAMES) for i in range(IDENTITY_FRAMES)}
        for index, picture in enumerate(pictures):
            if index in shown or index % HASH_EVERY_FRAMES == 0:
                self._look(index, np.asarray(picture.to_ndarray(format="rgb24"), np.uint8), embedded=index in shown)
            yield picture

    def _look(self, index: int, image: NDArray[np.uint8], *, embedded: bool) -> None:
        self.hasher.feed(index, image)
        if embedded:
            self.faces.append(embed(image, self.points[index]))

    def identity(self) -> NDArray[np.float32]:
        mean = np.mean(self.faces, axis=0)
        return np.asarray(mean / np.linalg.norm(mean), np.float32)
