"""The diffusion loss: noise added by diffusers' schedule, predicted by the model, mean squared error (EMO, eq. 1)."""

from collections.abc import Callable, Sequence
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


@dataclass(frozen=True, kw_only=True)
class Draws:
    """What chance decides for B windows: when, which noise, and which conditions are left."""

    timesteps: Tensor  # (B,)
    noise: Tensor  # (B, F, C, h, w)
    chances: Tensor  # (B, 3) in [0, 1): a condition is dropped where its own is below its share


def draw(latents: Tensor, generators: Sequence[torch.Generator], *, n_timesteps: int) -> Draws:
    """Draw for each window of `latents` (B, F, C, h, w) with its own generator: no batch or process changes it."""
    drawn = [
        (
            torch.randint(n_timesteps, (), generator=generator),
            torch.rand(3, generator=generator),
            torch.randn(latents.shape[1:], generator=generator),
        )
        for generator in generators
    ]
    timesteps, chances, noise = (torch.stack(column).to(latents.device) for column in zip(*drawn, strict=True))
    return Draws(timesteps=timesteps, noise=noise.to(latents), chances=chances)


def noise_loss(
    predict: NoisePredictor,
    latents: Tensor,
    inputs: Inputs,
    *,
    schedule: DDPMScheduler,
    dropout: Dropout,
    generators: Sequence[torch.Generator],
) -> Tensor:
    """Return the mean squared error of the noise predicted in `latents` (B, F, C, h, w), time-weighted: a scalar."""
    drawn = draw(latents, generators, n_timesteps=schedule.config.num_train_timesteps)
    kept = drop_conditions(inputs, dropout, drawn.chances)
    noisy = schedule.add_noise(latents, drawn.noise, drawn.timesteps)
    errors = (predict(noisy, drawn.timesteps, kept) - drawn.noise).square().mean(dim=(1, 2, 3, 4))
    return (errors * time_weights(drawn.timesteps, schedule)).mean()


def time_weights(timesteps: Tensor, schedule: DDPMScheduler) -> Tensor:
    """Return 1 / SNR at `timesteps` (B,): an error in the noise then counts as the error it makes in the picture.

    Unweighted, equation (1) asks for little more than fine grain: where noise is strong, and the voice alone can tell
    how the mouth is, a picture that is all wrong costs next to nothing (Salimans and Ho 2022, section 4).
    """
    signal: Tensor = schedule.alphas_cumprod.to(timesteps.device)[timesteps]
    return (1 - signal) / signal


def drop_conditions(inputs: Inputs, dropout: Dropout, chances: Tensor) -> Inputs:
    """Return `inputs` without each window's reference, audio or motion frames where its chance (B, 3) says so."""
    kept = replace(inputs, reference=_kept(inputs.reference, chances[:, 0] >= dropout.reference))
    if inputs.audio is not None:
        kept = replace(kept, audio=_kept(inputs.audio, chances[:, 1] >= dropout.audio))
    if inputs.motion is not None:
        given = (chances[:, 2] >= dropout.motion).to(inputs.motion)
        kept = replace(kept, motion_given=given if inputs.motion_given is None else given * inputs.motion_given)
    return kept


def _kept(condition: Tensor, keep: Tensor) -> Tensor:
    return condition * keep.to(condition).reshape(-1, *[1] * (condition.dim() - 1))
