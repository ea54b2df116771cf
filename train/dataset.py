"""Training windows straight from the shards: a reference, motion frames, frames to denoise, and their conditions."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from curate.corpus import ClipRef, Corpus
from curate.errors import EmoforgeError
from curate.media import read_frames
from train.speech_features import sound_around
from train.stages import Stage

STACKED = ("frames", "reference", "face_mask", "samples", "speed")
COLUMNS = ("face_box", "rotation_speed_deg", "width")


@dataclass(frozen=True, kw_only=True)
class Clip:
    """A decoded clip of F frames at the model's size."""

    frames: NDArray[np.uint8]  # (F, S, S, 3) RGB
    samples: NDArray[np.float32]  # (n,) its sound, 16 kHz
    boxes: NDArray[np.float32]  # (F, 4) x0, y0, x1, y1 of the face, px of `frames`
    speed_deg: NDArray[np.float32]  # (F,) head rotation, degrees a frame


@dataclass(frozen=True, kw_only=True)
class Batch:
    """B windows; pictures are RGB bytes, masks in {0, 1}, speeds in degrees a frame."""

    frames: Tensor  # (B, n + F, 3, S, S) uint8: n motion frames, then the frames to denoise
    reference: Tensor  # (B, 3, S, S) uint8, another frame of the same clip
    face_mask: Tensor  # (B, 1, S, S), the union of the window's face boxes
    samples: Tensor  # (B, (F + 2 margin) * 640) the sound of the F frames and of the margin around them, 16 kHz
    speed: Tensor  # (B, n + F)
    places: tuple[int, ...]  # the windows' places in the endless order, which seed their noise
    skipped: tuple[str, ...] = ()  # a line for each clip that could not be read and was replaced


class Windows:
    """A corpus' windows in an endless seeded order: sample i depends on the seed and on i alone."""

    def __init__(
        self,
        corpus: Corpus,
        stage: Stage,
        *,
        image_px: int,
        margin_frames: int,
        seed: int,
        cached_clips: int = 64,
    ) -> None:
        self._corpus = corpus
        self._stage = stage
        self._image_px = image_px
        self._margin_frames = margin_frames
        self._seed = seed
        self._frames = stage.motion_frames + stage.window_frames
        self._refs = [ref for ref in corpus.clips if ref.n_frames > self._frames]
        if not self._refs:
            raise EmoforgeError(f"no clip of {corpus.place} is longer than the {self._frames} frames of a window")
        self._load = lru_cache(maxsize=cached_clips)(self._load_uncached)

    def batch(self, places: Sequence[int]) -> Batch:
        """Return the windows of these places in the order, stacked."""
        windows = [self._window(place) for place in places]
        stacked = [torch.stack([window[name] for window in windows]) for name in STACKED]
        frames, reference, face_mask, samples, speed = stacked
        return Batch(
            frames=frames,
            reference=reference,
            face_mask=face_mask,
            samples=samples,
            speed=speed,
            places=tuple(places),
        )

    def batches(self, places_of_steps: Iterable[Sequence[int]], *, workers: int = 0) -> Iterator[Batch]:
        """Yield the batch of each step in turn."""
        for places in places_of_steps:
            yield self.batch(places)

    def speeds_deg(self, *, max_clips: int = 256) -> Tensor:
        """Return the head rotation speeds of the corpus' first clips, degrees a frame."""
        rows = (self._corpus.row(ref, ["rotation_speed_deg"]) for ref in self._refs[:max_clips])
        return torch.from_numpy(np.concatenate([_finite(row["rotation_speed_deg"]) for row in rows]))

    def _window(self, index: int) -> dict[str, Tensor]:
        random = np.random.default_rng([self._seed, index])
        clip = self._load(int(random.integers(len(self._refs))))
        start = int(random.integers(len(clip.frames) - self._frames + 1))
        reference = int(random.integers(len(clip.frames) - self._stage.window_frames))
        first = start + self._stage.motion_frames
        if reference >= first:  # never one of the frames to denoise
            reference += self._stage.window_frames
        end = start + self._frames
        return {
            "frames": _channels_first(clip.frames[start:end]),
            "reference": _channels_first(clip.frames[reference]),
            "face_mask": face_mask(clip.boxes[start:end], size=self._image_px),
            "samples": torch.from_numpy(
                sound_around(
                    clip.samples,
                    first_frame=first,
                    n_frames=self._stage.window_frames,
                    margin_frames=self._margin_frames,
                )
            ),
            "speed": torch.from_numpy(clip.speed_deg[start:end]),
        }

    def _load_uncached(self, number: int) -> Clip:
        ref = self._refs[number]
        row = self._corpus.row(ref, COLUMNS)
        frames = _resized(self._corpus, ref, size=self._image_px)
        boxes = np.asarray(row["face_box"], np.float32)
        speeds = _finite(row["rotation_speed_deg"])
        count = min(len(frames), len(boxes), len(speeds))
        return Clip(
            frames=frames[:count],
            samples=self._corpus.audio(ref),
            boxes=boxes[:count] * np.float32(self._image_px / row["width"]),
            speed_deg=speeds[:count],
        )


def face_mask(boxes: NDArray[np.float32], *, size: int) -> Tensor:
    """Return (1, size, size) in {0, 1}: 1 inside the union of the boxes (F, 4) in px of a (size, size) picture."""
    left, top = np.floor(boxes[:, :2].min(axis=0)).clip(0, size).astype(int)
    right, bottom = np.ceil(boxes[:, 2:].max(axis=0)).clip(0, size).astype(int)
    mask = torch.zeros(1, size, size)
    mask[:, top:bottom, left:right] = 1
    return mask


def picture(image: NDArray[np.uint8], *, size: int) -> Tensor:
    """Return (H, W, 3) RGB as (3, size, size) in [-1, 1], as the windows give it."""
    return to_pictures(_channels_first(_resize(image, size)))


def _resized(corpus: Corpus, ref: ClipRef, *, size: int) -> NDArray[np.uint8]:
    return np.stack([_resize(frame.image, size) for frame in read_frames(corpus.video(ref))])


def _resize(image: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    return np.asarray(cv2.resize(image, (size, size), interpolation=cv2.INTER_AREA), np.uint8)


def to_pictures(frames: Tensor) -> Tensor:
    """Return RGB bytes (uint8) as floats in [-1, 1], on the device where they are."""
    return frames.float() / 127.5 - 1


def _channels_first(pictures: NDArray[np.uint8]) -> Tensor:
    return torch.from_numpy(pictures).movedim(-1, -3)


def _finite(values: Any) -> NDArray[np.float32]:
    return np.nan_to_num(np.asarray(values, np.float32))


def indices_of(step: int, *, batch_size: int, rank: int = 0, world_size: int = 1) -> Iterator[int]:
    """Yield the places in the order that one process trains on at `step` (from 0)."""
    first = (step * world_size + rank) * batch_size
    yield from range(first, first + batch_size)
