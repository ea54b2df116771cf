"""The sampler: exact with a perfect denoiser, exact durations, repeatable, and guidance 1 is none."""

import itertools

import numpy as np
import pytest
import torch

from tests.train.random_clips import random_latents, shake
from train.models.conditions import Inputs
from train.models.emo import EmoModel
from train.noise_schedule import Schedule, noise_schedule
from train.sampling import ddim, generate, guided

CLIP = 12


def frames_of(model: EmoModel, n_frames: int, **options: object) -> torch.Tensor:
    samples = np.random.default_rng(0).normal(0, 0.1, 640 * 36).astype(np.float32)
    picture = torch.zeros(3, 64, 64)
    settings: dict[str, object] = {"steps": 1} | options
    frames = generate(
        model, reference=picture, face_mask=torch.ones(1, 64, 64), samples=samples, n_frames=n_frames, **settings
    )
    return torch.stack(list(frames))


@pytest.mark.parametrize("steps", [1, 4, 20])
def test_a_denoiser_that_knows_the_answer_gets_it_in_any_number_of_steps(steps: int) -> None:
    answer = random_latents(1).clamp(-1, 1)
    alphas = noise_schedule(Schedule()).alphas_cumprod

    def perfect(latents: torch.Tensor, timesteps: torch.Tensor) -> torch.Tensor:
        a = alphas[timesteps][:, None, None, None, None]
        return (latents - a.sqrt() * answer) / (1 - a).sqrt()

    assert torch.allclose(ddim(perfect, random_latents(1, seed=3), steps=steps, schedule=Schedule()), answer, atol=1e-3)


@pytest.mark.parametrize("n_frames", [1, 11, 12, 13, 25])
def test_there_is_a_frame_for_each_row_of_sound(model: EmoModel, n_frames: int) -> None:
    frames = frames_of(model, n_frames)
    assert frames.shape == (n_frames, 3, 64, 64)
    assert -1 <= frames.min() <= frames.max() <= 1


def test_same_seed_same_video(model: EmoModel) -> None:
    assert torch.equal(frames_of(model, 14, seed=3), frames_of(model, 14, seed=3))
    assert not torch.equal(frames_of(model, 14, seed=3), frames_of(model, 14, seed=4))


def test_guidance_1_is_no_guidance(model: EmoModel) -> None:
    def never(_latents: torch.Tensor, _timesteps: torch.Tensor) -> torch.Tensor:
        raise AssertionError("guidance 1 needs no second prediction")

    def given(latents: torch.Tensor, _timesteps: torch.Tensor) -> torch.Tensor:
        return latents + 1

    assert guided(given, never, scale=1) is given
    shake(model)
    assert not torch.equal(frames_of(model, 12), frames_of(model, 12, guidance_scale=2.0))


def test_guidance_goes_beyond_the_conditional_prediction() -> None:
    denoise = guided(lambda x, _t: x + 2, lambda x, _t: x + 1, scale=3.0)
    assert torch.equal(denoise(torch.zeros(2), torch.zeros(1)), torch.full((2,), 4.0))


def test_clips_follow_one_another_with_motion_frames(model: EmoModel, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Inputs] = []
    encode = model.encode
    monkeypatch.setattr(model, "encode", lambda inputs: seen.append(inputs) or encode(inputs))
    frames = frames_of(model, 30)
    assert [float(inputs.motion_given) for inputs in seen] == [0.0, 1.0, 1.0]
    for number, inputs in itertools.islice(enumerate(seen), 1, None):
        before = frames[number * CLIP - 4 : number * CLIP]
        assert torch.equal(inputs.motion[0], model.latents.encode(before))


def test_the_start_of_a_video_does_not_depend_on_its_length(model: EmoModel) -> None:
    shake(model)
    assert torch.equal(frames_of(model, 13)[:12], frames_of(model, 36)[:12])


def test_speed_is_heard_only_when_given(model: EmoModel) -> None:
    shake(model)
    slow, fast, without = (frames_of(model, 12, speed_deg=s) for s in (0.1, 1.9, None))
    assert not torch.equal(slow, fast)
    assert not torch.equal(slow, without)


def test_sampling_learns_nothing(model: EmoModel) -> None:
    frames = frames_of(model, 12, guidance_scale=2.0)
    assert not frames.requires_grad
    assert all(p.grad is None for p in model.parameters())
