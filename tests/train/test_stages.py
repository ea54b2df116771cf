"""What each stage learns, that it freezes all else, and what each preset is trained with."""

import pytest
import torch

from train.models.emo import EmoModel
from train.models.presets import PRESETS
from train.recipes import RECIPES
from train.stages import STAGES, StageName, freeze_for, part_of, trainable_parts


def test_every_parameter_belongs_to_a_part_and_every_part_has_some(model: EmoModel) -> None:
    parts = {part_of(name) for name, _ in model.named_parameters()}
    assert parts == {"spatial", "reference", "face", "temporal", "audio", "speed"}


@pytest.mark.parametrize(
    ("stage", "frozen"),
    [
        ("image", {"temporal", "audio", "speed"}),
        ("video", {"spatial", "reference", "face", "speed"}),
        ("speed", {"spatial", "reference", "face", "audio"}),
    ],
)
def test_a_stage_freezes_the_parts_it_does_not_learn(model: EmoModel, stage: StageName, frozen: set[str]) -> None:
    freeze_for(model, STAGES[stage].learns)
    assert {part_of(name) for name, p in model.named_parameters() if not p.requires_grad} == frozen


def test_freezing_is_not_kept_from_one_stage_to_the_next(model: EmoModel) -> None:
    freeze_for(model, STAGES["speed"].learns)
    freeze_for(model, STAGES["image"].learns)
    assert model.backbone.conv_in.weight.requires_grad
    assert not any(torch.is_tensor(p.grad) for p in model.parameters())


def test_the_paper_s_numbers_are_those_of_sd15() -> None:
    recipes = RECIPES["sd15"]
    assert [recipes[stage].batch_size for stage in STAGES] == [48, 4, 4]
    assert {recipe.learning_rate for recipe in recipes.values()} == {1e-5}
    assert {recipe.weighting for recipe in recipes.values()} == {"uniform"}
    assert all(recipes[stage].learns == STAGES[stage].learns for stage in STAGES)
    assert [(stage.motion_frames, stage.window_frames) for stage in STAGES.values()] == [(0, 1), (4, 12), (4, 12)]


def test_every_preset_has_a_recipe_for_every_stage_that_its_samples_can_teach() -> None:
    assert set(RECIPES) == set(PRESETS)
    for recipes in RECIPES.values():
        assert list(recipes) == list(STAGES)
        assert all(recipe.learns <= trainable_parts(STAGES[stage]) for stage, recipe in recipes.items())
