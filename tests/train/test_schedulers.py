"""The schedulers: exact with a perfect denoiser at any number of steps, and DDIM is diffusers' own."""

import pytest
import torch
from diffusers import DDIMScheduler

from curate.errors import ConfigError
from tests.train.random_clips import random_latents
from train.noise_schedule import Schedule, noise_schedule
from train.schedulers import MAX_STEPS, SCHEDULERS, Denoiser, build_scheduler, solve

SCHEDULES = {
    "pixels": Schedule(),
    "stable diffusion": Schedule(betas="scaled_linear"),
    "v": Schedule(prediction_type="v_prediction"),
    "zero snr": Schedule(betas="scaled_linear", prediction_type="v_prediction", zero_snr=True),
}


def knows(answer: torch.Tensor, schedule: Schedule) -> Denoiser:
    """A denoiser whose prediction is that of `answer` as the clean latents."""
    alphas = noise_schedule(schedule).alphas_cumprod

    def predict(latents: torch.Tensor, timesteps: torch.Tensor) -> torch.Tensor:
        a = alphas[timesteps][:, None, None, None, None]
        if schedule.prediction_type == "epsilon":
            return (latents - a.sqrt() * answer) / (1 - a).sqrt()
        noise = (latents - a.sqrt() * answer) / (1 - a).sqrt()
        return a.sqrt() * noise - (1 - a).sqrt() * answer

    return predict


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("scheduler", SCHEDULERS)
@pytest.mark.parametrize("steps", [1, 2, 7, 20, 61])
def test_a_denoiser_that_knows_the_answer_gets_it_in_any_number_of_steps(
    scheduler: str, steps: int, schedule: str
) -> None:
    of = SCHEDULES[schedule]
    answer = 3 * random_latents(1, frames=1)  # far beyond [-1, 1]
    found = solve(
        knows(answer, of),
        random_latents(1, frames=1, seed=3),
        scheduler=scheduler,
        steps=steps,
        schedule=of,
        limit=None,
    )
    assert torch.allclose(found, answer, atol=2e-3)


def test_latents_that_are_pixels_stay_in_their_range() -> None:
    answer = 3 * random_latents(1, frames=1)
    found = solve(knows(answer, Schedule()), answer, scheduler="dpm++", steps=5, schedule=Schedule(), limit=1.0)
    assert torch.allclose(found, answer.clamp(-1, 1), atol=1e-4)


@pytest.mark.parametrize("prediction_type", ["epsilon", "v_prediction"])
def test_ddim_is_diffusers_ddim(prediction_type: str) -> None:
    """Where 1000 is a multiple of the steps: elsewhere diffusers' DDIM steps to levels that it does not visit next."""
    schedule = Schedule(betas="scaled_linear", prediction_type=prediction_type)
    peer = DDIMScheduler.from_config(
        noise_schedule(schedule).config, timestep_spacing="trailing", clip_sample=False, set_alpha_to_one=True
    )
    peer.set_timesteps(20)
    noise = expected = random_latents(1, frames=1)

    def predict(latents: torch.Tensor, timesteps: torch.Tensor) -> torch.Tensor:
        return torch.sin(latents + timesteps.reshape(-1, 1, 1, 1, 1) / 300)

    for timestep in peer.timesteps:
        expected = peer.step(predict(expected, timestep[None]), timestep, expected).prev_sample
    found = solve(predict, noise, scheduler="ddim", steps=20, schedule=schedule, limit=None)
    assert torch.allclose(found, expected, atol=1e-3 * float(expected.abs().max()))


@pytest.mark.parametrize("scheduler", SCHEDULERS)
def test_every_number_of_steps_is_kept_and_begins_in_pure_noise(scheduler: str) -> None:
    for steps in (*range(1, 130), 999, MAX_STEPS):
        timesteps = build_scheduler(scheduler, steps=steps, schedule=Schedule()).timesteps.tolist()
        assert len(timesteps) == steps == len(set(timesteps))
        assert timesteps[0] == 999
        assert min(timesteps) >= 0


def test_an_unknown_scheduler_is_refused_with_the_choices() -> None:
    with pytest.raises(ConfigError, match=r"ddim, dpm\+\+, unipc, not 'lcm'"):
        build_scheduler("lcm", steps=10, schedule=Schedule())
