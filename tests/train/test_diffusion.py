"""The loss: zero for a perfect prediction, weights known by hand, and conditions dropped by chance."""

from dataclasses import replace

import pytest
import torch

from tests.train.random_clips import random_inputs, random_latents
from train.diffusion import Loss, draw, drop_conditions, noise_loss, time_weights
from train.models.conditions import Inputs
from train.noise_schedule import Schedule, noise_schedule
from train.recipes import Dropout, Weighting

KEEP = Dropout(reference=0.0, audio=0.0, motion=0.0)


V = Schedule(prediction_type="v_prediction", zero_snr=True)


def loss_of(predict: object, latents: torch.Tensor, schedule: Schedule = Schedule()) -> float:  # noqa: B008 - frozen
    n = len(latents)
    return noise_loss(
        predict,
        latents,
        random_inputs(n),
        schedule=noise_schedule(schedule),
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


def test_a_perfect_velocity_costs_nothing_also_in_pure_noise() -> None:
    latents = random_latents(64)
    alphas = noise_schedule(V).alphas_cumprod

    def perfect(noisy: torch.Tensor, timesteps: torch.Tensor, _inputs: Inputs) -> torch.Tensor:
        a = alphas[timesteps][:, None, None, None, None]
        n = (noisy - a.sqrt() * latents) / (1 - a).sqrt()
        return a.sqrt() * n - (1 - a).sqrt() * latents

    assert loss_of(perfect, latents, V) < 1e-6
    assert loss_of(lambda noisy, _t, _i: noisy, latents, V) > 0.1


@pytest.mark.parametrize("kind", ["epsilon", "v_prediction"])
def test_an_error_in_the_prediction_counts_as_the_error_it_makes_in_the_picture(kind: str) -> None:
    schedule = noise_schedule(replace(Schedule(), prediction_type=kind))
    latents, timesteps = random_latents(2), torch.tensor([50, 900])
    noise, wrong = random_latents(2, seed=4), random_latents(2, seed=5)
    noisy = schedule.add_noise(latents, noise, timesteps)
    signal = schedule.alphas_cumprod[timesteps][:, None, None, None, None]
    is_v = kind == "v_prediction"
    target = schedule.get_velocity(latents, noise, timesteps) if is_v else noise
    by_v = signal.sqrt() * noisy - (1 - signal).sqrt() * wrong
    picture = by_v if is_v else (noisy - (1 - signal).sqrt() * wrong) / signal.sqrt()
    weights = time_weights(timesteps, schedule, Loss(weighting="picture"))
    in_prediction = (wrong - target).square().mean((1, 2, 3, 4)) * weights
    in_picture = (picture - latents).square().mean((1, 2, 3, 4))
    assert torch.allclose(in_prediction, in_picture, rtol=1e-3)


# alphas_cumprod 0.9, 0.5, 0.2 are SNR 9, 1, 1/4
@pytest.mark.parametrize(
    ("weighting", "kind", "expected"),
    [
        ("uniform", "epsilon", [1, 1, 1]),
        ("uniform", "v_prediction", [1, 1, 1]),
        ("picture", "epsilon", [1 / 9, 1, 4]),
        ("picture", "v_prediction", [0.1, 0.5, 0.8]),
        ("min_snr", "epsilon", [5 / 9, 1, 1]),
        ("min_snr", "v_prediction", [0.5, 0.5, 0.2]),
    ],
)
def test_weights_known_by_hand(weighting: Weighting, kind: str, expected: list[float]) -> None:
    schedule = noise_schedule(replace(Schedule(), prediction_type=kind))
    schedule.alphas_cumprod = torch.tensor([0.9, 0.5, 0.2])
    weights = time_weights(torch.arange(3), schedule, Loss(weighting=weighting))
    assert weights.tolist() == pytest.approx(expected, rel=1e-5)


def test_a_noise_offset_is_one_number_a_window_and_channel() -> None:
    latents = random_latents(2)

    def drawn(offset: float) -> torch.Tensor:
        generators = [torch.Generator().manual_seed(i) for i in range(2)]
        return draw(latents, generators, n_timesteps=1000, noise_offset=offset).noise

    added = drawn(0.5) - drawn(0.0)
    assert torch.allclose(added, added[:, :1, :, :1, :1].expand_as(added), atol=1e-6)
    assert 0.3 < added[:, 0, :, 0, 0].std() < 0.7
    assert not torch.allclose(added[0], added[1])


def test_conditions_are_dropped_as_often_as_asked_and_each_on_its_own() -> None:
    inputs = random_inputs(400, frames=1, motion=1)
    chances = torch.rand(400, 4, generator=torch.Generator().manual_seed(0))
    kept = drop_conditions(inputs, Dropout(reference=0.2, audio=0.5, motion=0.9), chances)
    assert kept.audio is not None
    assert kept.motion_given is not None
    shares = [(kept.reference.flatten(1) == 0).all(1), (kept.audio.flatten(1) == 0).all(1), kept.motion_given == 0]
    assert [round(float(s.float().mean()), 1) for s in shares] == [0.2, 0.5, 0.9]
    assert 0 < (shares[0] & shares[1]).sum() < shares[0].sum()


def test_portrait_and_voice_can_be_dropped_together_and_only_so() -> None:
    inputs = random_inputs(400, frames=1, motion=1)
    chances = torch.rand(400, 4, generator=torch.Generator().manual_seed(0))
    kept = drop_conditions(inputs, Dropout(reference=0.0, audio=0.0, both=0.3, motion=0.0), chances)
    assert kept.audio is not None
    without = (kept.reference.flatten(1) == 0).all(1)
    assert torch.equal(without, (kept.audio.flatten(1) == 0).all(1))
    assert round(float(without.float().mean()), 1) == 0.3


def test_a_first_clip_stays_one_whatever_is_kept() -> None:
    first = replace(random_inputs(3), motion_given=torch.zeros(3))
    kept = drop_conditions(first, KEEP, torch.rand(3, 4))
    assert kept.motion_given is not None
    assert not kept.motion_given.any()
