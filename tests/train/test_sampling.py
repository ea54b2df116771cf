"""The sampler: exact durations, repeatable, guidance 1 is none, and what a clip sees of the one before."""

import gc
import itertools
from collections.abc import Iterator

import numpy as np
import pytest
import torch

from curate.errors import ConfigError
from tests.train.random_clips import random_inputs, random_latents, shake
from train.guidance import encode_passes, guided, passes, sum_of
from train.models.conditions import Inputs, PortraitMaps
from train.models.emo import EmoModel
from train.sampling import SamplerSettings, generate

CLIP = 12
PORTRAIT = torch.linspace(-1, 1, 64).expand(3, 64, 64)
SOUND = np.random.default_rng(0).normal(0, 0.1, 640 * 40).astype(np.float32)


def stream(model: EmoModel, n_frames: int, **options: object) -> Iterator[torch.Tensor]:
    names = {"steps", "scheduler", "audio_guidance", "reference_guidance", "seed"} & options.keys()
    settings: dict[str, object] = {"steps": 1, "audio_guidance": 1.0} | {name: options.pop(name) for name in names}
    given: dict[str, object] = {"samples": SOUND} | options
    return generate(
        model,
        reference=PORTRAIT,
        face_mask=torch.ones(1, 64, 64),
        n_frames=n_frames,
        settings=SamplerSettings(**settings),
        **given,
    )


def frames_of(model: EmoModel, n_frames: int, **options: object) -> torch.Tensor:
    return torch.stack(list(stream(model, n_frames, **options)))


@pytest.mark.parametrize("n_frames", [1, 11, 12, 13, 25])
def test_there_is_a_frame_for_each_row_of_sound(model: EmoModel, n_frames: int) -> None:
    frames = frames_of(model, n_frames)
    assert frames.shape == (n_frames, 3, 64, 64)
    assert -1 <= frames.min() <= frames.max() <= 1


def test_same_seed_same_video(model: EmoModel) -> None:
    assert torch.equal(frames_of(model, 14, seed=3), frames_of(model, 14, seed=3))
    assert not torch.equal(frames_of(model, 14, seed=3), frames_of(model, 14, seed=4))


def test_the_start_of_a_video_does_not_depend_on_its_length(model: EmoModel) -> None:
    shake(model)
    assert torch.equal(frames_of(model, 13)[:12], frames_of(model, 36)[:12])


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("steps", 0),
        ("steps", 1001),
        ("scheduler", "lcm"),
        ("audio_guidance", float("nan")),
        ("reference_guidance", -1.0),
        ("seed", -1),
    ],
)
def test_settings_that_cannot_be_are_refused_by_name(setting: str, value: object) -> None:
    with pytest.raises(ConfigError, match=setting):
        SamplerSettings(**{setting: value})


def test_the_passes_are_the_terms_of_the_equation() -> None:
    """e(0,0) + r (e(ref,0) - e(0,0)) + a (e(ref,aud) - e(ref,0)) of InstructPix2Pix, for any numbers."""
    nothing, portrait, both = (random_latents(1, seed=seed) for seed in (1, 2, 3))
    for audio, reference in itertools.product((0.0, 1.0, 2.5), (0.0, 1.0, 1.4)):
        expected = nothing + reference * (portrait - nothing) + audio * (both - portrait)
        needed = passes(audio=audio, reference=reference)
        of = {(False, False): nothing, (True, False): portrait, (True, True): both}
        found = sum_of(needed, [of[one.has_reference, one.has_audio] for one in needed])
        assert torch.allclose(found, expected, atol=1e-5)


def test_only_the_passes_that_count_are_made() -> None:
    shown = {
        scales: [(one.has_reference, one.has_audio) for one in passes(audio=scales[0], reference=scales[1])]
        for scales in ((1.0, 1.0), (2.0, 1.0), (0.0, 1.0), (2.0, 2.0), (2.0, 1.5))
    }
    assert shown[1.0, 1.0] == [(True, True)]
    assert shown[2.0, 1.0] == [(True, False), (True, True)]
    assert shown[0.0, 1.0] == [(True, False)], "the voice is not heard at all"
    assert shown[2.0, 2.0] == [(False, False), (True, True)], "plain guidance by both at once"
    assert shown[2.0, 1.5] == [(False, False), (True, False), (True, True)]


def test_guidance_1_is_the_model_itself(model: EmoModel) -> None:
    shake(model)
    inputs, noisy, timesteps = random_inputs(1), random_latents(1), torch.tensor([500])
    portrait = model.encode_portrait(inputs.reference)
    needed = passes(audio=1.0, reference=1.0)
    shown = encode_passes(model, needed, inputs, portrait=portrait, nobody=portrait)
    assert torch.equal(guided(model, needed, shown)(noisy, timesteps), model(noisy, timesteps, inputs))


@torch.no_grad()
def test_passes_in_one_call_are_those_made_one_by_one(model: EmoModel) -> None:
    shake(model)
    inputs, noisy, timesteps = random_inputs(1), random_latents(1), torch.tensor([500])
    portrait, nobody = (model.encode_portrait(latents) for latents in (inputs.reference, 0 * inputs.reference))
    needed = passes(audio=3.0, reference=1.5)
    shown = encode_passes(model, needed, inputs, portrait=portrait, nobody=nobody)
    alone = [model.denoise(noisy, timesteps, conditions) for conditions in shown]
    assert len(alone) == 3
    assert all(not torch.allclose(one, other, atol=1e-3) for one, other in itertools.combinations(alone, 2))
    assert torch.allclose(guided(model, needed, shown)(noisy, timesteps), sum_of(needed, alone), atol=1e-4)


def test_guidance_of_each_kind_changes_the_video(model: EmoModel) -> None:
    shake(model)
    plain = frames_of(model, 12)
    for other in ({"audio_guidance": 2.0}, {"reference_guidance": 2.0}):
        assert not torch.allclose(frames_of(model, 12, **other), plain, atol=1e-3)


def test_the_portrait_is_encoded_once_a_video(model: EmoModel, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[torch.Tensor] = []
    encode = model.encode_portrait
    monkeypatch.setattr(model, "encode_portrait", lambda latents: calls.append(latents) or encode(latents))
    frames_of(model, 36, audio_guidance=2.0)
    assert len(calls) == 1


def test_clips_follow_one_another_with_motion_frames(model: EmoModel, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = seen_inputs(model, monkeypatch)
    frames = frames_of(model, 30)
    assert [float(inputs.motion_given) for inputs in seen] == [0.0, 1.0, 1.0]
    for number, inputs in itertools.islice(enumerate(seen), 1, None):
        before = frames[number * CLIP - 4 : number * CLIP]
        assert torch.equal(inputs.motion[0], model.latents.encode(before))


def test_head_speed_is_each_frame_s_own(model: EmoModel, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = seen_inputs(model, monkeypatch)
    frames_of(model, 20, speed_deg=torch.arange(20.0))
    assert seen[0].speed.tolist() == [[0.0] * 4 + list(range(12))], "the motion frames before the start are as it is"
    assert seen[1].speed.tolist() == [list(range(8, 20)) + [19.0] * 4], "and those after the end"
    frames_of(model, 12, speed_deg=torch.tensor(0.7))
    assert torch.allclose(seen[2].speed, torch.tensor(0.7))


def test_speed_is_heard_only_when_given(model: EmoModel) -> None:
    shake(model)
    slow, fast, without = (frames_of(model, 12, speed_deg=s) for s in (torch.tensor(0.1), torch.tensor(1.9), None))
    assert not torch.equal(slow, fast)
    assert not torch.equal(slow, without)


def test_sound_without_a_voice_is_silence_to_the_model(model: EmoModel) -> None:
    shake(model)
    silence = np.zeros_like(SOUND)
    gated = frames_of(model, 24, voiced=np.zeros(24, bool))
    assert torch.equal(gated, frames_of(model, 24, samples=silence))
    assert not torch.equal(gated, frames_of(model, 24))
    assert torch.equal(frames_of(model, 40, voiced=np.ones(40, bool))[:24], frames_of(model, 40)[:24])


def test_memory_does_not_grow_with_the_video(model: EmoModel) -> None:
    """As many tensors live after the fifth clip as after the second."""

    def alive() -> int:
        gc.collect()
        return sum(type(thing) is torch.Tensor for thing in gc.get_objects())

    frames, counts = stream(model, 72), []
    for _ in range(5):
        for _frame in itertools.islice(frames, CLIP):
            pass
        counts.append(alive())
    assert counts[1] == counts[4]


def test_sampling_learns_nothing(model: EmoModel) -> None:
    frames = frames_of(model, 12, audio_guidance=2.0)
    assert not frames.requires_grad
    assert all(p.grad is None for p in model.parameters())


def seen_inputs(model: EmoModel, monkeypatch: pytest.MonkeyPatch) -> list[Inputs]:
    seen: list[Inputs] = []
    encode = model.encode

    def noted(inputs: Inputs, *, portrait: PortraitMaps | None = None) -> object:
        seen.append(inputs)
        return encode(inputs, portrait=portrait)

    monkeypatch.setattr(model, "encode", noted)
    return seen
