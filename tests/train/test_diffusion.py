"""The loss: zero for a perfect prediction, one weight known by hand, and conditions dropped by chance."""

from dataclasses import replace

import torch

from tests.train.random_clips import random_inputs, random_latents
from train.diffusion import Dropout, drop_conditions, noise_loss, time_weights
from train.models.conditions import Inputs
from train.noise_schedule import Schedule, noise_schedule

KEEP = Dropout(reference=0.0, audio=0.0, motion=0.0)


def loss_of(predict: object, latents: torch.Tensor) -> float:
    n = len(latents)
    return noise_loss(
        predict,
        latents,
        random_inputs(n),
        schedule=noise_schedule(Schedule()),
        dropout=KEEP,
        generators=[torch.Generator().manual_seed(i) for i in range(n)],
    ).item()


def test_a_perfect_prediction_costs_nothing() -> None:
    latents = random_latents(2)
    alphas = noise_schedule(Schedule()).alphas_cumprod

    def perfect(noisy: torch.Tensor, timesteps: torch.Tensor, _inputs: Inputs) -> torch.Tensor:
        a = alphas[timesteps][:, None, None, None, None]
        return (noisy - a.sqrt() * latents) / (1 - a).sqrt()

    assert loss_of(perfect, latents) < 1e-3
    assert loss_of(lambda noisy, _t, _i: noisy, latents) > 0.1


def test_an_error_in_the_noise_counts_as_the_error_it_makes_in_the_picture() -> None:
    schedule, latents = noise_schedule(Schedule()), random_latents(2)
    timesteps = torch.tensor([50, 900])
    noise, wrong = random_latents(2, seed=4), random_latents(2, seed=5)
    noisy = schedule.add_noise(latents, noise, timesteps)
    signal = schedule.alphas_cumprod[timesteps][:, None, None, None, None]
    picture = (noisy - (1 - signal).sqrt() * wrong) / signal.sqrt()
    in_noise = (wrong - noise).square().mean((1, 2, 3, 4)) * time_weights(timesteps, schedule)
    in_picture = (picture - latents).square().mean((1, 2, 3, 4))
    assert torch.allclose(in_noise, in_picture, rtol=1e-3)


def test_conditions_are_dropped_as_often_as_asked_and_each_on_its_own() -> None:
    inputs = random_inputs(400, frames=1, motion=1)
    chances = torch.rand(400, 3, generator=torch.Generator().manual_seed(0))
    kept = drop_conditions(inputs, Dropout(reference=0.2, audio=0.5, motion=0.9), chances)
    assert kept.audio is not None
    assert kept.motion_given is not None
    shares = [(kept.reference.flatten(1) == 0).all(1), (kept.audio.flatten(1) == 0).all(1), kept.motion_given == 0]
    assert [round(float(s.float().mean()), 1) for s in shares] == [0.2, 0.5, 0.9]
    assert 0 < (shares[0] & shares[1]).sum() < shares[0].sum()


def test_a_first_clip_stays_one_whatever_is_kept() -> None:
    first = replace(random_inputs(3), motion_given=torch.zeros(3))
    kept = drop_conditions(first, KEEP, torch.rand(3, 3))
    assert kept.motion_given is not None
    assert not kept.motion_given.any()
