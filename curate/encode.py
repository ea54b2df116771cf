"""Cuts a kept clip out of its source: one fixed crop, 25 fps H.264 with sound, and the exact sound as FLAC."""

import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from curate.clip_media import ClipMedia
from curate.crop import CropBox, crop, crop_box
from curate.media import read_frames
from curate.media_writing import encode_flac, write_video


@dataclass(frozen=True, kw_only=True)
class EncodedClip:
    """`video` is an mp4 (H.264 at the corpus' rate, AAC), `audio` a FLAC of the same span or None without sound."""

    video: bytes
    audio: bytes | None
    box: CropBox
    n_frames: int


def encode_clip(
    media: ClipMedia, source: Path, *, width: int, height: int, size: int = 512, crf: int = 18
) -> EncodedClip:
    """Decode the clip's span once more at full size (`width` x `height` px) and encode its (size, size) crop."""
    box = crop_box(media.track.boxes, width=width, height=height)
    frames = read_frames(source, fps=media.fps, start_s=media.track.start_s, end_s=media.track.end_s)
    sound = None if media.audio is None else np.clip(media.audio, -1.0, 1.0)
    with tempfile.TemporaryDirectory(prefix="emoforge-") as scratch:
        file = Path(scratch) / "clip.mp4"  # a file, since PyAV can't move the index to the front of a BytesIO
        pictures = (crop(frame.image, box, size=size) for frame in frames)
        n_frames = write_video(file, pictures, fps=media.fps, audio=sound, crf=crf)
        video = file.read_bytes()
    return EncodedClip(video=video, audio=None if sound is None else encode_flac(sound), box=box, n_frames=n_frames)
