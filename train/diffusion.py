"""The diffusion loss: noise added by diffusers' schedule, predicted by the model, mean squared error (EMO, eq. 1)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from diffusers import DDPMScheduler
from torch import Tensor

from train.models.conditions import Inputs
from train.recipes import Dropout, Weighting

# noisy (B, F, C, h, w), timesteps (B,), inputs -> the noise, or v, as the schedule says
Predictor = Callable[[Tensor, Tensor, Inputs], Tensor]


@dataclass(frozen=True, kw_only=True)
class Loss:
    """How errors count. Uniform and without an offset it is EMO's equation (1)."""

    weighting: Weighting = "picture"
    min_snr_gamma: float = 5.0  # of min_snr (arXiv 2303.09556)
    noise_offset: float = 0.0  # of a constant added to each window's noise channel, so that brightness is learned too


@dataclass(frozen=True, kw_only=True)
class Draws:
    """What chance decides for B windows: when, which noise, and which conditions are left."""

    timesteps: Tensor  # (B,)
    noise: Tensor  # (B, F, C, h, w)
    chances: Tensor  # (B, 4) in [0, 1): reference, audio, both, motion are dropped where theirs is below their share


def draw(
    latents: Tensor, generators: Sequence[torch.Generator], *, n_timesteps: int, noise_offset: float = 0.0
) -> Draws:
    """Draw for each window of `latents` (B, F, C, h, w) with its own generator: no batch or process changes it."""
    drawn = [
        (
            torch.randint(n_timesteps, (), generator=generator),
            torch.rand(4, generator=generator),
            torch.randn(latents.shape[1:], generator=generator),
            torch.randn((1, latents.shape[2], 1, 1), generator=generator),
        )
        for generator in generators
    ]
    timesteps, chances, noise, offset = (torch.stack(column).to(latents.device) for column in zip(*drawn, strict=True))
    return Draws(timesteps=timesteps, noise=(noise + noise_offset * offset).to(latents), chances=chances)


def noise_loss(
    predict: Predictor,
    latents: Tensor,
    inputs: Inputs,
    *,
    schedule: DDPMScheduler,
    dropout: Dropout,
    generators: Sequence[torch.Generator],
    loss: Loss | None = None,
) -> Tensor:
    """Return the mean squared error of what is predicted in `latents` (B, F, C, h, w), time-weighted: a scalar."""
    loss = loss or Loss()
    n_timesteps = schedule.config.num_train_timesteps
    drawn = draw(latents, generators, n_timesteps=n_timesteps, noise_offset=loss.noise_offset)
    kept = drop_conditions(inputs, dropout, drawn.chances)
    noisy = schedule.add_noise(latents, drawn.noise, drawn.timesteps)
    is_v = schedule.config.prediction_type == "v_prediction"
    target = schedule.get_velocity(latents, drawn.noise, drawn.timesteps) if is_v else drawn.noise
    errors = (predict(noisy, drawn.timesteps, kept) - target).square().mean(dim=(1, 2, 3, 4))
    return (errors * time_weights(drawn.timesteps, schedule, loss)).mean()


def time_weights(timesteps: Tensor, schedule: DDPMScheduler, loss: Loss) -> Tensor:
    """Return the weights (B,) of errors at `timesteps` (B,).

    `picture` counts an error as the error that it makes in the picture: 1 / SNR for the noise, 1 / (SNR + 1) for v.
    `uniform` is equation (1), which asks for little more than fine grain: where noise is strong, and the voice alone
    can tell how the mouth is, a picture that is all wrong costs next to nothing (Salimans and Ho 2022, section 4).
    `min_snr` counts that error by the SNR, but no more than gamma of it (arXiv 2303.09556, section 3.4).
    """
    signal: Tensor = schedule.alphas_cumprod.to(timesteps.device)[timesteps]
    if loss.weighting == "uniform":
        return torch.ones_like(signal)
    in_picture = 1 - signal if schedule.config.prediction_type == "v_prediction" else (1 - signal) / signal
    if loss.weighting == "picture":
        return in_picture
    return in_picture * (signal / (1 - signal)).clamp(max=loss.min_snr_gamma)


def drop_conditions(inputs: Inputs, dropout: Dropout, chances: Tensor) -> Inputs:
    """Return `inputs` without each window's reference, audio or motion frames where its chances (B, 4) say so."""
    alone = chances[:, 2] >= dropout.both
    kept = replace(inputs, reference=_kept(inputs.reference, (chances[:, 0] >= dropout.reference) & alone))
    if inputs.audio is not None:
        kept = replace(kept, audio=_kept(inputs.audio, (chances[:, 1] >= dropout.audio) & alone))
    if inputs.motion is not None:
        given = (chances[:, 3] >= dropout.motion).to(inputs.motion)
        kept = replace(kept, motion_given=given if inputs.motion_given is None else given * inputs.motion_given)
    return kept


def _kept(condition: Tensor, keep: Tensor) -> Tensor:
    return condition * keep.to(condition).reshape(-1, *[1] * (condition.dim() - 1))
