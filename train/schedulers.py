"""The schedulers: which noise levels a sampler visits, and how it steps from one to the next."""

from collections.abc import Callable, Mapping
from typing import TypeAlias

import torch
from diffusers import DPMSolverMultistepScheduler, UniPCMultistepScheduler
from torch import Tensor

from curate.errors import ConfigError
from train.noise_schedule import Schedule, noise_schedule

Denoiser = Callable[[Tensor, Tensor], Tensor]  # latents (B, F, C, h, w), timesteps (B,) -> the schedule's prediction
Solver: TypeAlias = DPMSolverMultistepScheduler | UniPCMultistepScheduler

# Left out: Euler's steps are DDIM's in other coordinates, and LCM's need weights distilled for them.
SCHEDULERS: Mapping[str, tuple[type[Solver], int]] = {
    "ddim": (DPMSolverMultistepScheduler, 1),  # DPM-Solver++ of the first order is DDIM (arXiv 2211.01095, section 4)
    "dpm++": (DPMSolverMultistepScheduler, 2),
    "unipc": (UniPCMultistepScheduler, 2),
}
MAX_STEPS = 1000  # the schedule has no more


def build_scheduler(name: str, *, steps: int, schedule: Schedule) -> Solver:
    """Return the scheduler, set to `steps`; it wants estimates of the clean latents. ConfigError names the choices.

    Steps end where the schedule ends ("trailing", arXiv 2305.08891): a sampler starts from pure noise.
    """
    if name not in SCHEDULERS:
        raise ConfigError(f"scheduler must be one of {', '.join(SCHEDULERS)}, not {name!r}")
    if not 1 <= steps <= MAX_STEPS:
        raise ConfigError(f"steps must be in 1-{MAX_STEPS}, not {steps}")
    kind, order = SCHEDULERS[name]
    solver: Solver = kind.from_config(
        noise_schedule(schedule).config, prediction_type="sample", solver_order=order, timestep_spacing="trailing"
    )
    solver.set_timesteps(steps)
    if len(solver.timesteps) > steps:  # diffusers rounds 1000 / 61 and some others to one step more, at -1
        solver.timesteps = solver.timesteps[:steps]
        solver.sigmas = torch.cat([solver.sigmas[:steps], solver.sigmas[-1:]])
        solver.num_inference_steps = steps
    return solver


@torch.no_grad()
def solve(
    denoise: Denoiser, noise: Tensor, *, scheduler: str, steps: int, schedule: Schedule, limit: float | None
) -> Tensor:
    """Take `noise` (B, F, C, h, w) to clean latents in `steps`; nothing in it is random.

    `limit`: estimates of the clean latents are clamped to +-limit, which no clean latent is beyond; None: not at all.
    """
    solver = build_scheduler(scheduler, steps=steps, schedule=schedule)
    alphas_cumprod = noise_schedule(schedule).alphas_cumprod
    latents = noise
    for timestep in solver.timesteps:
        predicted = denoise(latents, timestep.expand(len(latents)).to(latents.device))
        signal = float(alphas_cumprod[timestep])
        estimate = _clean(predicted, latents, signal**0.5, (1 - signal) ** 0.5, schedule)
        latents = solver.step(
            estimate if limit is None else estimate.clamp(-limit, limit), timestep, latents
        ).prev_sample
    return latents


def _clean(predicted: Tensor, latents: Tensor, signal: float, noise: float, schedule: Schedule) -> Tensor:
    """The estimate of x0 in x = signal x0 + noise n, from a prediction of n or of v = signal n - noise x0."""
    if schedule.prediction_type == "v_prediction":
        return signal * latents - noise * predicted
    return (latents - noise * predicted) / signal
