"""The sampler: DDIM over a denoiser, and a voice of any length clip after clip with motion frames between them."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import torch
from diffusers import DDIMScheduler
from numpy.typing import NDArray
from torch import Tensor

from train.models.conditions import Inputs
from train.models.emo import EmoModel
from train.noise_schedule import Schedule, noise_schedule
from train.speech_features import sound_around
from train.stages import CLIP_FRAMES, MOTION_FRAMES

Denoiser = Callable[[Tensor, Tensor], Tensor]  # latents (B, F, C, h, w), timesteps (B,) -> predicted noise


@torch.no_grad()
def ddim(denoise: Denoiser, noise: Tensor, *, steps: int, schedule: Schedule) -> Tensor:
    """Take `noise` (B, F, C, h, w) to latents in as many `steps`; deterministic (Song et al. 2021, eta 0).

    Estimates of the clean latents are clamped to [-1, 1], the range of pixel latents.
    """
    scheduler = DDIMScheduler.from_config(
        noise_schedule(schedule).config, timestep_spacing="trailing", clip_sample=True, set_alpha_to_one=True
    )
    scheduler.set_timesteps(steps)
    latents = noise
    for timestep in scheduler.timesteps:
        predicted = denoise(latents, timestep.expand(len(latents)).to(latents.device))
        latents = scheduler.step(predicted, timestep, latents).prev_sample
    return latents


def guided(conditional: Denoiser, unconditional: Denoiser, *, scale: float) -> Denoiser:
    """Return the denoiser of classifier-free guidance (arXiv 2207.12598); at scale 1 that is `conditional` itself."""
    if scale == 1:
        return conditional

    def denoise(latents: Tensor, timesteps: Tensor) -> Tensor:
        without = unconditional(latents, timesteps)
        return without + scale * (conditional(latents, timesteps) - without)

    return denoise


@torch.no_grad()
def generate(
    model: EmoModel,
    *,
    reference: Tensor,
    face_mask: Tensor,
    samples: NDArray[np.float32],
    n_frames: int,
    speed_deg: float | None = None,
    steps: int = 20,
    guidance_scale: float = 1.0,
    seed: int = 0,
) -> Iterator[Tensor]:
    """Yield a video's frames (3, S, S), RGB in [-1, 1], as many as `n_frames`, driven by `samples` (n,) of 16 kHz mono.

    `reference` (3, S, S) and `face_mask` (1, S, S) are the portrait's, `speed_deg` the head's speed in degrees a frame
    (None: the model has not learned speed). Same seed, same video.
    """
    generator = torch.Generator().manual_seed(seed)
    portrait = model.latents.encode(reference[None])
    motion = torch.zeros(1, MOTION_FRAMES, *portrait.shape[1:], device=portrait.device)
    for first in range(0, n_frames, CLIP_FRAMES):
        heard = sound_around(samples, first_frame=first, n_frames=CLIP_FRAMES, margin_frames=model.speech.margin_frames)
        inputs = Inputs(
            reference=portrait,
            face_mask=face_mask[None],
            motion=motion,
            motion_given=torch.full((1,), float(first > 0), device=portrait.device),
            audio=model.speech(torch.from_numpy(heard)[None].to(portrait.device)),
            speed=None if speed_deg is None else motion.new_full((1, MOTION_FRAMES + CLIP_FRAMES), speed_deg),
        )
        noise = torch.randn(1, CLIP_FRAMES, *portrait.shape[1:], generator=generator).to(portrait)
        frames = model.latents.decode(
            ddim(_denoiser(model, inputs, guidance_scale), noise, steps=steps, schedule=model.schedule)
        )
        motion = model.latents.encode(frames[:, -MOTION_FRAMES:])
        yield from frames[0, : n_frames - first]


def _denoiser(model: EmoModel, inputs: Inputs, scale: float) -> Denoiser:
    """Encode the conditions once, and once more without the voice where guidance needs it."""

    def given(inputs: Inputs) -> Denoiser:
        conditions = model.encode(inputs)
        return lambda latents, timesteps: model.denoise(latents, timesteps, conditions)

    if scale == 1 or inputs.audio is None:
        return given(inputs)
    return guided(given(inputs), given(replace(inputs, audio=torch.zeros_like(inputs.audio))), scale=scale)
