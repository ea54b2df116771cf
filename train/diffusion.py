"""The diffusion loss: noise added by diffusers' schedule, predicted by the model, mean squared error (EMO, eq. 1)."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from diffusers import DDPMScheduler
from torch import Tensor

from train.models.conditions import Inputs

NoisePredictor = Callable[[Tensor, Tensor, Inputs], Tensor]  # noisy (B, F, C, h, w), timesteps (B,), inputs -> noise


@dataclass(frozen=True, kw_only=True)
class Dropout:
    """How often a sample's condition is taken away, in [0, 1]; what guidance and a video's first clip rely on."""

    reference: float = 0.0
    audio: float = 0.1
    motion: float = 0.25


def noise_loss(
    predict: NoisePredictor,
    latents: Tensor,
    inputs: Inputs,
    *,
    schedule: DDPMScheduler,
    dropout: Dropout,
    generator: torch.Generator,
) -> Tensor:
    """Return the mean squared error of the noise predicted in `latents` (B, F, C, h, w), time-weighted: a scalar."""
    batch = latents.shape[0]
    timesteps = torch.randint(schedule.config.num_train_timesteps, (batch,), generator=generator)
    noise = torch.randn(latents.shape, generator=generator)
    kept = drop_conditions(inputs, dropout, generator)
    timesteps, noise = timesteps.to(latents.device), noise.to(latents)
    noisy = schedule.add_noise(latents, noise, timesteps)
    errors = (predict(noisy, timesteps, kept) - noise).square().mean(dim=(1, 2, 3, 4))
    return (errors * time_weights(timesteps, schedule)).mean()


def time_weights(timesteps: Tensor, schedule: DDPMScheduler) -> Tensor:
    """Return 1 / SNR at `timesteps` (B,): an error in the noise then counts as the error it makes in the picture.

    Unweighted, equation (1) asks for little more than fine grain: where noise is strong, and the voice alone can tell
    how the mouth is, a picture that is all wrong costs next to nothing (Salimans and Ho 2022, section 4).
    """
    signal: Tensor = schedule.alphas_cumprod.to(timesteps.device)[timesteps]
    return (1 - signal) / signal


def drop_conditions(inputs: Inputs, dropout: Dropout, generator: torch.Generator) -> Inputs:
    """Return `inputs` with each sample's reference, audio and motion frames taken away by chance, on its own."""
    batch = inputs.reference.shape[0]
    keep = torch.rand(3, batch, generator=generator).to(inputs.reference.device)
    kept = replace(inputs, reference=_kept(inputs.reference, keep[0] >= dropout.reference))
    if inputs.audio is not None:
        kept = replace(kept, audio=_kept(inputs.audio, keep[1] >= dropout.audio))
    if inputs.motion is not None:
        given = (keep[2] >= dropout.motion).to(inputs.motion)
        kept = replace(kept, motion_given=given if inputs.motion_given is None else given * inputs.motion_given)
    return kept


def _kept(condition: Tensor, keep: Tensor) -> Tensor:
    return condition * keep.to(condition).reshape(-1, *[1] * (condition.dim() - 1))
