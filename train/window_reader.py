"""Reads what a window needs of a clip: its bytes and lists from the shard, and of those only some frames decoded."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from curate.clip_frames import frames_at
from curate.corpus import BrokenClipError, ClipRef, Corpus, locate
from curate.errors import EmoforgeError, MediaError
from curate.media import CORPUS_FPS, read_audio
from train.speech_features import SAMPLES_A_FRAME

COLUMNS = ("face_box", "rotation_speed_deg", "width")


@dataclass(frozen=True, kw_only=True, eq=False)
class FetchedClip:
    """A clip of F frames as it lies in its shard, nothing of it decoded."""

    video: bytes
    sound: bytes | None  # FLAC: its voice, separated where the corpus has it so
    boxes: NDArray[np.float32]  # (F, 4) x0, y0, x1, y1 of the face, in widths of the picture
    speed_deg: NDArray[np.float32]  # (F,) head rotation, degrees a frame


def fetch_clip(corpus: Corpus, ref: ClipRef, *, with_sound: bool) -> FetchedClip:
    """Read a clip's bytes and lists; MediaError when they are broken, EmoforgeError when its shard isn't there."""
    boxes, speed_deg = face_series(corpus, ref)
    return FetchedClip(
        video=_video(corpus, ref),
        sound=corpus.voice_file(ref) if with_sound else None,
        boxes=boxes,
        speed_deg=speed_deg,
    )


def face_series(corpus: Corpus, ref: ClipRef) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return a clip's face boxes (F, 4) and head speeds (F,) as FetchedClip has them; a speed that is unknown is 0."""
    row = _row(corpus, ref)
    try:
        boxes = np.asarray(row["face_box"], np.float32).reshape(ref.n_frames, 4) / np.float32(row["width"])
        speed_deg = np.nan_to_num(np.asarray(row["rotation_speed_deg"], np.float32).reshape(ref.n_frames))
    except (KeyError, TypeError, ValueError) as error:
        raise MediaError("broken_row", f"its row doesn't hold a face box and a speed a frame ({error!r})") from error
    if not np.isfinite(boxes).all():
        raise MediaError("broken_row", "its row has face boxes that are no numbers")
    return boxes, speed_deg


def read_pictures(video: bytes, numbers: Sequence[int], *, into: Sequence[NDArray[np.uint8]]) -> None:
    """Decode frames (from 0) of an mp4 into (3, S, S) RGB each; MediaError when one is broken or missing."""
    for frame in frames_at(video, numbers):
        image = resized(frame.image, into[0].shape[-1])
        for number, planes in zip(numbers, into, strict=True):
            if number == frame.index:
                cv2.split(image, list(planes))


def read_sound(sound: bytes | None, *, first_frame: int, n_frames: int, margin_frames: int) -> NDArray[np.float32]:
    """Return the samples of some frames and of the margin on each side, silence where the clip has none; 16 kHz."""
    begin, end = first_frame - margin_frames, first_frame + n_frames + margin_frames
    if sound is None:
        return np.zeros((end - begin) * SAMPLES_A_FRAME, np.float32)
    return read_audio(sound, start_s=begin / CORPUS_FPS, end_s=end / CORPUS_FPS)


def resized(image: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    """Return (H, W, 3) as (size, size, 3)."""
    if image.shape[:2] == (size, size):
        return image
    return np.asarray(cv2.resize(image, (size, size), interpolation=cv2.INTER_AREA), np.uint8)


def _row(corpus: Corpus, ref: ClipRef) -> dict[str, Any]:
    try:
        return corpus.row(ref, COLUMNS)
    except BrokenClipError as error:
        raise MediaError("broken_row", str(error)) from error
    except (pa.ArrowException, OSError) as error:
        store, name = locate(corpus.store, ref.shard)
        shard = store.uri(name)
        if isinstance(error, OSError) and error.errno is not None:  # the system's; Arrow's own have none
            raise EmoforgeError(f"can't read {shard}: {error.strerror}") from error
        raise MediaError("broken_row", f"its row in {shard} can't be read: {error}") from error


def _video(corpus: Corpus, ref: ClipRef) -> bytes:
    try:
        return corpus.video(ref)
    except BrokenClipError as error:
        raise MediaError("truncated", str(error)) from error
