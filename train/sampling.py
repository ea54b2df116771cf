"""The sampler: a portrait and a voice of any length to frames, clip after clip with motion frames between them."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from curate.errors import ConfigError, EmoforgeError
from train.drift_guard import DriftGuard
from train.guidance import encode_passes, guided, passes
from train.models.conditions import Inputs
from train.models.emo import EmoModel
from train.noise_schedule import Schedule
from train.schedulers import build_scheduler, solve
from train.silence_gate import voice_gain
from train.speech_features import sound_around
from train.stages import CLIP_FRAMES, MOTION_FRAMES


@dataclass(frozen=True, kw_only=True)
class SamplerSettings:
    """How clips are sampled; ConfigError for what can't be.

    The paper takes 40 steps of DDIM, and sees artefacts below 20 and jitter up to 35 (supplement A.3). It gives no
    guidance scales.
    """

    steps: int = 10
    scheduler: str = "ddim"  # one of train.schedulers.SCHEDULERS
    audio_guidance: float = 1.5  # 1 is none
    reference_guidance: float = 1.0  # 1 is none; others need a model trained with Dropout.reference above 0
    seed: int = 0

    def __post_init__(self) -> None:
        """Fail before any work."""
        build_scheduler(self.scheduler, steps=self.steps, schedule=Schedule())
        for name, scale in (("audio", self.audio_guidance), ("reference", self.reference_guidance)):
            if scale < 0 or not math.isfinite(scale):
                raise ConfigError(f"{name}_guidance must be at least 0, not {scale}")
        if self.seed < 0:
            raise ConfigError(f"seed must be at least 0, not {self.seed}")


@torch.no_grad()
def generate(
    model: EmoModel,
    *,
    reference: Tensor,
    face_mask: Tensor,
    samples: NDArray[np.float32],
    n_frames: int,
    settings: SamplerSettings,
    speed_deg: Tensor | None = None,
    guard: DriftGuard | None = None,
    voiced: NDArray[np.bool_] | None = None,
) -> Iterator[Tensor]:
    """Yield a video's frames (3, S, S), RGB in [-1, 1], as many as `n_frames`, driven by `samples` (n,) of 16 kHz mono.

    `reference` (3, S, S) in [-1, 1] and `face_mask` (1, S, S) in {0, 1} are the portrait's. `speed_deg` is the head's
    speed in degrees a frame, () or (n_frames,); None: the model has not learned speed. Where `voiced` (n_frames,) is
    False the model hears silence. `guard` holds the clips to the portrait. All runs on the model's device, in memory
    that doesn't grow with the video. Same seed, same video; its start doesn't depend on its length.
    """
    if voiced is not None and len(voiced) != n_frames:
        raise ValueError(f"voiced is of {len(voiced)} frames, and the video of {n_frames}")
    video = _Video(
        model=model,
        reference=reference,
        face_mask=face_mask,
        samples=samples,
        settings=settings,
        speed_deg=None if speed_deg is None else speed_deg.expand(n_frames),
        voiced=voiced,
    )
    if guard is not None:
        guard.begin(reference)
    motion: Tensor | None = None
    for number in range(math.ceil(n_frames / CLIP_FRAMES)):
        draw = partial(video.clip, number, motion)
        frames = draw(0) if guard is None else guard.hold(number, draw)
        _check_finite(frames, number)
        motion = frames[-MOTION_FRAMES:]
        yield from frames[: n_frames - number * CLIP_FRAMES]


def _check_finite(frames: Tensor, number: int) -> None:
    if not torch.isfinite(frames).all():
        raise EmoforgeError(
            f"clip {number} of the video came out with numbers that are not finite: the checkpoint is broken, or the "
            "precision too low; try float32"
        )


class _Video:
    """What the clips of one video share, encoded once."""

    def __init__(
        self,
        *,
        model: EmoModel,
        reference: Tensor,
        face_mask: Tensor,
        samples: NDArray[np.float32],
        settings: SamplerSettings,
        speed_deg: Tensor | None,
        voiced: NDArray[np.bool_] | None,
    ) -> None:
        self._model = model
        self._settings = settings
        self._device = next(model.parameters()).device
        self._latents = model.latents.encode(reference[None].to(self._device))
        self._face_mask = face_mask[None].to(self._device)
        self._samples, self._voiced, self._speed_deg = samples, voiced, speed_deg
        self._passes = passes(audio=settings.audio_guidance, reference=settings.reference_guidance)
        self._portrait = model.encode_portrait(self._latents)
        self._nobody = (
            self._portrait
            if all(one.has_reference for one in self._passes)
            else model.encode_portrait(torch.zeros_like(self._latents))
        )

    def clip(self, number: int, before: Tensor | None, attempt: int, *, afresh: bool = False) -> Tensor:
        """Return the frames (F, 3, S, S) of a clip after those `before` it (n, 3, S, S); None: the video begins.

        Each `attempt` has noise of its own; `afresh` begins as a video does.
        """
        model, settings = self._model, self._settings
        inputs = self._inputs(number * CLIP_FRAMES, None if afresh else before)
        shown = encode_passes(model, self._passes, inputs, portrait=self._portrait, nobody=self._nobody)
        noise = torch.randn(
            1, CLIP_FRAMES, *self._latents.shape[1:], generator=_generator(settings.seed, number, attempt)
        )
        latents = solve(
            guided(model, self._passes, shown),
            noise.to(self._latents),
            scheduler=settings.scheduler,
            steps=settings.steps,
            schedule=model.schedule,
            limit=model.latents.limit,
        )
        frames: Tensor = model.latents.decode(latents)[0]
        return frames

    def _inputs(self, first: int, before: Tensor | None) -> Inputs:
        motion = (
            self._latents.new_zeros(1, MOTION_FRAMES, *self._latents.shape[1:])
            if before is None
            else self._model.latents.encode(before[None])
        )
        return Inputs(
            reference=self._latents,
            face_mask=self._face_mask,
            motion=motion,
            motion_given=motion.new_full((1,), float(before is not None)),
            audio=self._model.speech(torch.from_numpy(self._heard(first))[None].to(self._device)),
            speed=None if self._speed_deg is None else _speed_around(self._speed_deg, first)[None].to(motion),
        )

    def _heard(self, first: int) -> NDArray[np.float32]:
        margin = self._model.speech.margin_frames
        heard = sound_around(self._samples, first_frame=first, n_frames=CLIP_FRAMES, margin_frames=margin)
        if self._voiced is None:
            return heard
        return heard * voice_gain(self._voiced, first_frame=first - margin, n_frames=CLIP_FRAMES + 2 * margin)


def _speed_around(speed_deg: Tensor, first: int) -> Tensor:
    """The speed (n + F,) of a clip and the motion frames before it; beyond the ends it stays as there."""
    places = torch.arange(first - MOTION_FRAMES, first + CLIP_FRAMES)
    return speed_deg[places.clamp(0, len(speed_deg) - 1)]


def _generator(*key: int) -> torch.Generator:
    """Randomness of one attempt at one clip, whatever was drawn before it."""
    (state,) = np.random.SeedSequence(key).generate_state(1, np.uint64)
    return torch.Generator().manual_seed(int(state >> np.uint64(1)))
