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


def test_the_model_computes_with_the_averages_for_a_while_and_is_then_itself_to_the_bit(model: EmoModel) -> None:
    ema = Ema(model, decay=0.5)
    nn.init.constant_(model.backbone.conv_in.weight, 7.0)
    model.train()
    before = {name: value.clone() for name, value in model.own_state().items()}
    averages = {name: value.clone() for name, value in ema.state.items()}
    with ema.applied_to(model):
        assert not model.training
        assert all(torch.equal(value, averages[name]) for name, value in model.own_state().items())
    assert model.training
    assert all(torch.equal(value, before[name]) for name, value in model.own_state().items())
    assert all(torch.equal(value, averages[name]) for name, value in ema.state.items())


def test_without_decay_the_average_is_the_model(model: EmoModel) -> None:
    ema = Ema(model, decay=0.0)
    nn.init.constant_(model.backbone.conv_in.weight, 7.0)
    ema.update(model, 1)
    assert all(torch.equal(ema.state[name], value) for name, value in model.own_state().items())
