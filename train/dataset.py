"""Training windows straight from the shards: a reference, motion frames, frames to denoise, and their conditions."""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from curate.corpus import ClipRef, Corpus
from curate.errors import EmoforgeError, MediaError
from train.clip_tables import check_shards, domains
from train.speech_features import SAMPLES_A_FRAME
from train.stages import Stage
from train.window_order import Pool, Slot, WindowOrder, pools_of
from train.window_reader import FetchedClip, face_series, fetch_clip, read_pictures, read_sound, resized

Skip = tuple[str, str]  # a clip's id, and why it can't be read
ATTEMPTS = 16  # clips drawn for one place; if none can be read, more than half of the corpus probably can't


@dataclass(frozen=True, kw_only=True)
class Batch:
    """B windows; pictures are RGB bytes, masks in {0, 1}, speeds in degrees a frame."""

    frames: Tensor  # (B, n + F, 3, S, S) uint8: n motion frames, then the frames to denoise
    reference: Tensor  # (B, 3, S, S) uint8, another frame of the same clip
    face_mask: Tensor  # (B, 1, S, S), the union of the window's face boxes
    samples: Tensor  # (B, (F + 2 margin) * 640) the sound of the F frames and of the margin around them, 16 kHz
    speed: Tensor  # (B, n + F)
    places: tuple[int, ...]  # the windows' places in the endless order, which seed their noise
    skipped: tuple[str, ...] = ()  # a line for each clip that could not be read and was replaced, once a process


class Windows:
    """A corpus' windows in an endless seeded order: the one at a place depends on the seed and the place alone.

    A clip has a slot for every F frames that can be denoised, and an epoch takes each slot once. A slot's window
    begins anywhere in its share of the clip's possible starts, so that over the epochs every frame begins one.
    `mix` gives the weights of the clips' domains; without it every clip counts by its length. A clip that can't be
    read is replaced by one that the place and the seed alone determine too. `cached_clips` are held, undecoded.
    """

    def __init__(
        self,
        corpus: Corpus,
        stage: Stage,
        *,
        image_px: int,
        margin_frames: int,
        seed: int,
        mix: Mapping[str, float] | None = None,
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
        chosen = replace(corpus, clips=tuple(self._refs))
        check_shards(chosen)
        self._slots = [(ref.n_frames - stage.motion_frames) // stage.window_frames for ref in self._refs]
        everything = Pool(name="", weight=1.0, clips=np.arange(len(self._refs)))
        pools = [everything] if mix is None else pools_of(domains(chosen), mix)
        self._order = WindowOrder(np.asarray(self._slots), pools, seed=seed)
        self._fetch = lru_cache(maxsize=cached_clips)(self._fetch_uncached)
        self._told: set[str] = set()

    def batch(self, places: Sequence[int]) -> Batch:
        """Return the windows of these places in the order; EmoforgeError when the corpus is no longer there."""
        batch = self._empty(places)
        return self._told_once(batch, [self._fill(batch, row, place) for row, place in enumerate(places)])

    def batches(self, places_of_steps: Iterable[Sequence[int]], *, workers: int = 0) -> Iterator[Batch]:
        """Yield the batch of each step in turn, the next ones read meanwhile by so many threads: the same bytes."""
        if not workers:
            yield from map(self.batch, places_of_steps)
            return
        pool = ThreadPoolExecutor(workers, thread_name_prefix="windows")
        try:
            waiting = deque[tuple[Batch, list[Future[list[Skip]]]]]()
            for places in places_of_steps:
                batch = self._empty(places)
                fills = [pool.submit(self._fill, batch, row, place) for row, place in enumerate(places)]
                waiting.append((batch, fills))
                if sum(len(fills) for _, fills in waiting) - len(waiting[0][1]) >= 2 * workers:
                    yield self._finished(*waiting.popleft())
            while waiting:
                yield self._finished(*waiting.popleft())
        finally:
            pool.shutdown(cancel_futures=True)

    def speeds_deg(self, *, max_clips: int = 256) -> Tensor:
        """Return the head rotation speeds of the corpus' first clips, degrees a frame; broken ones are left out."""
        speeds = [np.zeros(0, np.float32)]
        for ref in self._refs[:max_clips]:
            with suppress(MediaError):
                speeds.append(face_series(self._corpus, ref)[1])
        return torch.from_numpy(np.concatenate(speeds))

    def _empty(self, places: Sequence[int]) -> Batch:
        n, size = len(places), self._image_px
        sound = (self._stage.window_frames + 2 * self._margin_frames) * SAMPLES_A_FRAME
        return Batch(
            frames=torch.empty(n, self._frames, 3, size, size, dtype=torch.uint8),
            reference=torch.empty(n, 3, size, size, dtype=torch.uint8),
            face_mask=torch.empty(n, 1, size, size),
            samples=torch.empty(n, sound),
            speed=torch.empty(n, self._frames),
            places=tuple(places),
        )

    def _fill(self, batch: Batch, row: int, place: int) -> list[Skip]:
        """Read the window of a place into a batch's row; return what was skipped on the way."""
        skipped: list[Skip] = []
        for attempt in range(ATTEMPTS):
            slot = self._order.at(place, attempt=attempt)
            try:
                self._read(batch, row, slot, np.random.default_rng([self._seed, place, attempt]))
            except MediaError as error:
                skipped.append((self._refs[slot.clip].clip_id, error.message))
            else:
                return skipped
        clip_id, why = skipped[-1]
        raise EmoforgeError(
            f"none of {ATTEMPTS} clips drawn from {self._corpus.place} for one window can be read, the last of them "
            f"{clip_id}: {why}; curate it again, or take its shards from where they are whole"
        )

    def _read(self, batch: Batch, row: int, slot: Slot, random: np.random.Generator) -> None:
        ref = self._refs[slot.clip]
        start, reference = self._frames_of(slot, random)
        first, end = start + self._stage.motion_frames, start + self._frames
        clip = self._fetch(ref)
        pictures = [*batch.frames[row].numpy(), batch.reference[row].numpy()]
        read_pictures(clip.video, [*range(start, end), reference], into=pictures)
        batch.face_mask[row] = face_mask(clip.boxes[start:end] * self._image_px, size=self._image_px)
        batch.speed[row] = torch.from_numpy(clip.speed_deg[start:end])
        samples = read_sound(
            clip.sound, first_frame=first, n_frames=self._stage.window_frames, margin_frames=self._margin_frames
        )
        batch.samples[row] = torch.from_numpy(samples)

    def _frames_of(self, slot: Slot, random: np.random.Generator) -> tuple[int, int]:
        """Return a window's first frame, anywhere in the slot's share of all starts, and its reference."""
        n_frames, slots = self._refs[slot.clip].n_frames, self._slots[slot.clip]
        starts = n_frames - self._frames + 1
        start = int(random.integers(slot.number * starts // slots, (slot.number + 1) * starts // slots))
        reference = int(random.integers(n_frames - self._stage.window_frames))
        if reference >= start + self._stage.motion_frames:  # never one of the frames to denoise
            reference += self._stage.window_frames
        return start, reference

    def _fetch_uncached(self, ref: ClipRef) -> FetchedClip:
        return fetch_clip(self._corpus, ref, with_sound=self._stage.has_audio)

    def _finished(self, batch: Batch, fills: Sequence[Future[list[Skip]]]) -> Batch:
        return self._told_once(batch, [fill.result() for fill in fills])

    def _told_once(self, batch: Batch, skipped: Sequence[Sequence[Skip]]) -> Batch:
        new = {clip_id: why for skips in skipped for clip_id, why in skips if clip_id not in self._told}
        self._told.update(new)
        return replace(batch, skipped=tuple(f"clip {clip_id}: {why}" for clip_id, why in new.items()))


def face_mask(boxes: NDArray[np.float32], *, size: int) -> Tensor:
    """Return (1, size, size) in {0, 1}: 1 inside the union of the boxes (F, 4) in px of a (size, size) picture."""
    left, top = np.floor(boxes[:, :2].min(axis=0)).clip(0, size).astype(int)
    right, bottom = np.ceil(boxes[:, 2:].max(axis=0)).clip(0, size).astype(int)
    mask = torch.zeros(1, size, size)
    mask[:, top:bottom, left:right] = 1
    return mask


def picture(image: NDArray[np.uint8], *, size: int) -> Tensor:
    """Return (H, W, 3) RGB as (3, size, size) in [-1, 1], as the windows give it."""
    return to_pictures(torch.from_numpy(resized(image, size)).movedim(-1, -3))


def to_pictures(frames: Tensor) -> Tensor:
    """Return RGB bytes (uint8) as floats in [-1, 1], on the device where they are."""
    return frames.float() / 127.5 - 1


def indices_of(step: int, *, batch_size: int, rank: int = 0, world_size: int = 1) -> Iterator[int]:
    """Yield the places in the order that one process trains on at `step` (from 0)."""
    first = (step * world_size + rank) * batch_size
    yield from range(first, first + batch_size)
