"""What each stage learns, and that it freezes all else."""

import pytest
import torch

from train.models.emo import EmoModel
from train.stages import STAGES, StageName, freeze_for, part_of


def test_every_parameter_belongs_to_a_part_and_every_part_has_some(model: EmoModel) -> None:
    parts = {part_of(name) for name, _ in model.named_parameters()}
    assert parts == {"spatial", "reference", "face", "temporal", "audio", "speed"}


@pytest.mark.parametrize(
    ("stage", "frozen"),
    [
        ("image", {"temporal", "audio", "speed"}),
        ("video", {"speed"}),
        ("speed", {"spatial", "reference", "face", "audio"}),
    ],
)
def test_a_stage_freezes_the_parts_it_does_not_learn(model: EmoModel, stage: StageName, frozen: set[str]) -> None:
    freeze_for(model, STAGES[stage])
    assert {part_of(name) for name, p in model.named_parameters() if not p.requires_grad} == frozen


def test_freezing_is_not_kept_from_one_stage_to_the_next(model: EmoModel) -> None:
    freeze_for(model, STAGES["speed"])
    freeze_for(model, STAGES["image"])
    assert model.backbone.conv_in.weight.requires_grad
    assert not any(torch.is_tensor(p.grad) for p in model.parameters())
