"""The average of the weights: a known answer, codecs left out."""

import torch
from torch import nn

from train.ema import Ema
from train.models.emo import EmoModel


def test_known_answer(model: EmoModel) -> None:
    weight, name = model.backbone.conv_in.weight, "backbone.conv_in.weight"
    nn.init.constant_(weight, 0.0)
    ema = Ema(model, decay=0.5)
    nn.init.constant_(weight, 1.0)
    ema.update(model, 1)  # d = min(0.5, 1 / 10) = 0.1
    assert torch.allclose(ema.state[name], torch.tensor(0.9))
    nn.init.constant_(weight, 0.0)
    ema.update(model, 100)  # d = min(0.5, 100 / 109) = 0.5
    assert torch.allclose(ema.state[name], torch.tensor(0.45))


def test_buffers_are_copied_and_the_model_is_left_alone(model: EmoModel) -> None:
    ema = Ema(model, decay=0.9)
    model.speed_encoder.fit(torch.linspace(0, 5, 100))
    before = {name: value.clone() for name, value in model.own_state().items()}
    ema.update(model, 5)
    assert torch.equal(ema.state["speed_encoder.centres"], model.speed_encoder.centres)
    assert all(torch.equal(value, before[name]) for name, value in model.own_state().items())
