"""The model: every new part begins silent, conditions reach the output once trained, shapes, batches."""

from dataclasses import fields, replace

import pytest
import torch
from diffusers import UNetMotionModel

from tests.train.random_clips import CHANNELS, SIDE, STRUCTURES, random_inputs, random_latents, shake
from train.models.conditions import Inputs, stack_conditions
from train.models.emo import EmoModel
from train.models.presets import TINY, Preset, build, unet_sizes

CONDITIONS = ("reference", "face_mask", "motion", "audio", "speed")


@pytest.fixture(params=STRUCTURES.values(), ids=STRUCTURES)
def sizes(request: pytest.FixtureRequest) -> Preset:
    """Each preset's structure, at a size that tests quickly."""
    found: Preset = request.param
    return found


@pytest.fixture
def built(sizes: Preset) -> EmoModel:
    """A model of those sizes with seeded random weights."""
    torch.manual_seed(0)
    return build(sizes, frozen="random").eval()


def predicted(model: EmoModel, inputs: Inputs, *, batch: int = 1, sizes: Preset = TINY) -> torch.Tensor:
    with torch.no_grad():
        return model(random_latents(batch, sizes=sizes), torch.full((batch,), 500), inputs)


def test_an_untrained_models_parts_leave_the_backbone_as_diffusers_has_it(built: EmoModel, sizes: Preset) -> None:
    plain = UNetMotionModel(
        **unet_sizes(sizes, suffix="Motion"), num_attention_heads=sizes.heads, motion_num_attention_heads=sizes.heads
    ).eval()
    _, added = plain.load_state_dict(built.backbone.state_dict(), strict=False)
    assert added
    assert all("audio_" in name or "speed_" in name for name in added)
    latents, timesteps, inputs = random_latents(1, sizes=sizes), torch.tensor([500]), random_inputs(1, sizes=sizes)
    with torch.no_grad():
        estimate = plain(latents.transpose(1, 2), timesteps, encoder_hidden_states=None).sample.transpose(1, 2)
        expected = built.output(estimate, latents, timesteps, torch.zeros_like(inputs.reference))
    assert torch.equal(predicted(built, inputs, sizes=sizes), expected)


@pytest.mark.parametrize("condition", CONDITIONS)
def test_a_condition_says_nothing_at_first_and_something_once_trained(
    built: EmoModel, sizes: Preset, condition: str
) -> None:
    inputs = random_inputs(1, sizes=sizes)
    other = replace(inputs, **{condition: getattr(random_inputs(1, seed=5, sizes=sizes), condition)})
    assert torch.equal(predicted(built, inputs, sizes=sizes), predicted(built, other, sizes=sizes))
    trained = shake(built)
    heard, unheard = predicted(trained, inputs, sizes=sizes), predicted(trained, other, sizes=sizes)
    assert not torch.allclose(heard, unheard, atol=1e-5)


@pytest.mark.parametrize("left_out", ["motion", "audio", "speed"])
def test_a_condition_left_out_is_one_that_says_nothing(model: EmoModel, left_out: str) -> None:
    inputs = random_inputs(1)
    without = replace(inputs, **{left_out: None}, **({"motion_given": None} if left_out == "motion" else {}))
    assert torch.allclose(predicted(model, inputs), predicted(model, without), atol=1e-6)


def test_a_batch_of_two_is_two_singles(model: EmoModel) -> None:
    shake(model)
    both = random_inputs(2)
    singles = [
        replace(both, **{name: getattr(both, name)[i : i + 1] for name in (*CONDITIONS, "motion_given")})
        for i in range(2)
    ]
    latents = random_latents(2)
    with torch.no_grad():
        together = model(latents, torch.tensor([300, 700]), both)
        apart = [
            model(latents[i : i + 1], torch.tensor([t]), single)
            for i, (t, single) in enumerate(zip((300, 700), singles, strict=True))
        ]
    assert torch.allclose(together, torch.cat(apart), atol=1e-4)


def test_a_first_clip_sees_zero_motion_maps_whatever_its_motion_frames_hold(model: EmoModel) -> None:
    shake(model)
    first = replace(random_inputs(1), motion_given=torch.zeros(1))
    conditions = model.encode(first)
    assert conditions.motion
    assert all(not maps.any() for maps in conditions.motion.values())
    other = replace(first, motion=random_inputs(1, seed=9).motion)
    assert torch.equal(predicted(model, first), predicted(model, other))


def test_conditions_are_encoded_once_and_read_at_every_step(model: EmoModel) -> None:
    shake(model)
    inputs = random_inputs(1)
    with torch.no_grad():
        conditions = model.encode(inputs)
        again = model.denoise(random_latents(1), torch.tensor([500]), conditions)
    assert torch.equal(again, predicted(model, inputs))


def test_clips_of_one_video_share_their_portraits_maps(model: EmoModel) -> None:
    shake(model)
    inputs = random_inputs(1)
    with torch.no_grad():
        maps = model.encode_portrait(inputs.reference)
        shared, anew = model.encode(inputs, portrait=maps), model.encode(inputs)
    assert shared.reference is maps.tokens
    assert all(torch.equal(shared.reference[name], anew.reference[name]) for name in anew.reference)


def test_a_portraits_maps_are_the_same_beside_any_motion_frames(model: EmoModel) -> None:
    """The ReferenceNet sees each picture on its own, so the paper's one call on all of them gives the same."""
    shake(model)
    inputs = random_inputs(1)
    assert inputs.motion is not None
    with torch.no_grad():
        together, maps = model.reference_net(torch.cat([inputs.reference[:, None], inputs.motion], dim=1))
        apart = model.encode(inputs)
    assert apart.motion
    for name, tokens in apart.reference.items():
        assert torch.allclose(tokens, together[name][:, 0], atol=1e-5)
    for name, found in apart.motion.items():
        assert torch.allclose(found, maps[name][:, 1:], atol=1e-5)


def test_stacked_conditions_are_denoised_as_each_on_its_own(model: EmoModel) -> None:
    shake(model)
    latents, timesteps = random_latents(1), torch.tensor([400])
    inputs = random_inputs(1)
    assert inputs.audio is not None
    with torch.no_grad():
        each = [model.encode(inputs), model.encode(replace(inputs, audio=torch.zeros_like(inputs.audio)))]
        stacked = stack_conditions(each)
        together = model.denoise(latents.expand(2, -1, -1, -1, -1), timesteps.expand(2), stacked)
        apart = torch.cat([model.denoise(latents, timesteps, one) for one in each])
    assert torch.allclose(together, apart, atol=1e-4)
    assert not torch.allclose(apart[0], apart[1], atol=1e-4)
    assert all(getattr(stacked, field.name) is not None for field in fields(stacked))


def test_conditions_that_differ_in_what_is_left_out_do_not_stack(model: EmoModel) -> None:
    inputs = random_inputs(1)
    each = [model.encode(inputs), model.encode(replace(inputs, audio=None))]
    with pytest.raises(ValueError, match="audio is given in 1 of 2"):
        stack_conditions(each)


@pytest.mark.parametrize("frames", [1, 12])
def test_shapes(model: EmoModel, frames: int) -> None:
    inputs = replace(random_inputs(1, frames=frames), motion=None, motion_given=None, speed=None)
    with torch.no_grad():
        found = model(random_latents(1, frames=frames), torch.tensor([10]), inputs)
    assert found.shape == (1, frames, CHANNELS, SIDE, SIDE)


def test_a_reference_map_is_given_for_every_layer_that_reads_one(model: EmoModel) -> None:
    conditions = model.encode(random_inputs(1))
    assert conditions.motion
    names = dict(model.backbone.named_modules())
    assert set(conditions.reference) <= set(names)
    assert set(conditions.motion) == {n for n in names if n.split(".")[-2:-1] == ["motion_modules"]}
    assert {maps.shape[-1] for maps in conditions.motion.values()} == {SIDE, SIDE // 2}, "one set a resolution"


def test_the_backbone_does_not_run_without_conditions(model: EmoModel) -> None:
    with pytest.raises(RuntimeError, match="denoise"):
        model.backbone(random_latents(1).transpose(1, 2), torch.tensor([1]), encoder_hidden_states=None)


def test_levels_without_attention_are_served_too() -> None:
    """Stable Diffusion's lowest resolution has temporal modules but no attention."""
    torch.manual_seed(0)
    model = shake(build(replace(TINY, channels=(32, 32), attention=(True, False)))).eval()
    assert predicted(model, random_inputs(1)).isfinite().all()
