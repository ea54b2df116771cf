"""Encodes a kept clip: one fixed crop at 25 fps with sound, the exact sound, who it shows, and its fingerprints."""

import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from curate.clip_media import ClipMedia
from curate.crop import CropBox, to_crop
from curate.fingerprints import HASH_EVERY_FRAMES, FrameHasher, audio_fingerprint
from curate.identity import embed
from curate.media_writing import DecodedPicture, as_rgb, encode_flac, write_video

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


def encode_clip(media: ClipMedia, *, crf: int = 18) -> EncodedClip:
    """Encode the clip's pictures and sound, and note what is seen on the way."""
    box, size = media.pictures.box, media.size_px
    sound = None if media.audio is None else np.clip(media.audio, -1.0, 1.0)
    points = to_crop(media.track.points, box, size=size)
    seen = _Seen(points)
    with tempfile.TemporaryDirectory(prefix="emoforge-") as scratch:
        file = Path(scratch) / "clip.mp4"  # a file, since PyAV can't move the index to the front of a BytesIO
        n_frames = write_video(file, seen.passing(media.pictures.frames), fps=media.fps, audio=sound, crf=crf)
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


@dataclass
class _Seen:
    """What is noted of the pictures as they pass: hashes, and whom a few of them, spread over the clip, show."""

    points: NDArray[np.float32]
    hasher: FrameHasher = field(default_factory=FrameHasher)
    faces: list[NDArray[np.float32]] = field(default_factory=list)

    def passing(self, pictures: Iterable[DecodedPicture]) -> Iterator[DecodedPicture]:
        n = len(self.points)
        shown = {n * (2 * i + 1) // (2 * IDENTITY_FRAMES) for i in range(IDENTITY_FRAMES)}
        for index, picture in enumerate(pictures):
            if index in shown or index % HASH_EVERY_FRAMES == 0:
                self._look(index, as_rgb(picture), embedded=index in shown)
            yield picture

    def _look(self, index: int, image: NDArray[np.uint8], *, embedded: bool) -> None:
        self.hasher.feed(index, image)
        if embedded:
            self.faces.append(embed(image, self.points[index]))

    def identity(self) -> NDArray[np.float32]:
        mean = np.mean(self.faces, axis=0)
        return np.asarray(mean / np.linalg.norm(mean), np.float32)
