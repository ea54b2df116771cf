"""The average of the weights: a known answer."""

import torch
from torch import nn

from train.ema import Ema


def test_known_answer() -> None:
    layer = nn.Linear(1, 1, bias=False)
    nn.init.constant_(layer.weight, 0.0)
    ema = Ema(layer, decay=0.5)
    nn.init.constant_(layer.weight, 1.0)
    ema.update(layer, 1)  # d = min(0.5, 1 / 10) = 0.1
    assert ema.state["weight"].item() == torch.tensor(0.9).item()
    nn.init.constant_(layer.weight, 0.0)
    ema.update(layer, 100)  # d = min(0.5, 100 / 109) = 0.5
    assert abs(ema.state["weight"].item() - 0.45) < 1e-7


def test_buffers_are_copied_and_the_model_is_left_alone() -> None:
    norm = nn.BatchNorm1d(2)
    ema = Ema(norm, decay=0.9)
    norm(torch.randn(8, 2) + 3)
    before = {name: value.clone() for name, value in norm.state_dict().items()}
    ema.update(norm, 5)
    assert torch.equal(ema.state["running_mean"], norm.running_mean)
    assert all(torch.equal(value, before[name]) for name, value in norm.state_dict().items())
