"""Xception: its published size, its shapes, and a block computed once more with plain functions."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from evaluate.networks.xception import Block, SeparableConv, Xception


@pytest.mark.parametrize(("n_classes", "parameters"), [(1000, 22_855_952), (2, 20_811_050)])
def test_it_has_the_published_number_of_parameters(n_classes: int, parameters: int) -> None:
    with torch.device("meta"):
        network = Xception(n_classes=n_classes)
    assert sum(parameter.numel() for parameter in network.parameters()) == parameters


@pytest.mark.parametrize(("side", "features"), [(299, 10), (256, 8), (71, 3)])
def test_every_shape_is_as_published(side: int, features: int) -> None:
    with torch.device("meta"):
        network = Xception(n_classes=2).eval()
        pictures = torch.zeros(2, 3, side, side)
    assert network.features(pictures).shape == (2, 2048, features, features)
    assert network(pictures).shape == (2, 2)


def normed(x: Tensor, norm: nn.Module) -> Tensor:
    assert isinstance(norm, nn.BatchNorm2d)
    assert norm.running_mean is not None
    assert norm.running_var is not None
    scale = norm.weight / (norm.running_var + 1e-5).sqrt()
    return x * scale[:, None, None] + (norm.bias - norm.running_mean * scale)[:, None, None]


def separated(x: Tensor, layer: nn.Module) -> Tensor:
    """Each channel by itself, one after the other; then a matrix over the channels."""
    assert isinstance(layer, SeparableConv)
    deep = [functional.conv2d(x[:, c : c + 1], layer.conv1.weight[c : c + 1], padding=1) for c in range(x.shape[1])]
    return torch.einsum("oc,nchw->nohw", layer.pointwise.weight[:, :, 0, 0], torch.cat(deep, dim=1))


def randomised(block: Block) -> Block:
    for module in block.modules():
        if isinstance(module, nn.BatchNorm2d):
            for values in (module.weight.data, module.bias.data, module.running_mean, module.running_var):
                assert values is not None
                values.uniform_(0.5, 1.5)
    return block.double().eval()


@pytest.mark.parametrize("begins_with_relu", [True, False])
def test_a_halving_block_is_two_convolutions_and_a_projection(begins_with_relu: bool) -> None:
    torch.manual_seed(0)
    block = randomised(Block((3, 5, 7), begins_with_relu=begins_with_relu))
    x = torch.randn(2, 3, 9, 9, dtype=torch.float64)
    first, second = (layer for layer in block.rep if isinstance(layer, SeparableConv))
    norms = [layer for layer in block.rep if isinstance(layer, nn.BatchNorm2d)]
    y = normed(separated(x.relu() if begins_with_relu else x, first), norms[0])
    y = functional.max_pool2d(normed(separated(y.relu(), second), norms[1]), 3, 2, 1)
    assert isinstance(block.skip, nn.Conv2d)
    projected = torch.einsum("oc,nchw->nohw", block.skip.weight[:, :, 0, 0], x[:, :, ::2, ::2])
    torch.testing.assert_close(block(x), y + normed(projected, block.skipbn))


def test_a_middle_block_adds_three_convolutions_to_what_it_is_given() -> None:
    torch.manual_seed(1)
    block = randomised(Block((4, 4, 4, 4), halves=False))
    x = torch.randn(1, 4, 6, 6, dtype=torch.float64)
    y = x
    for layer in block.rep:
        y = separated(y.relu(), layer) if isinstance(layer, SeparableConv) else y
        y = normed(y, layer) if isinstance(layer, nn.BatchNorm2d) else y
    kept = x.clone()
    torch.testing.assert_close(block(x), kept + y)
    assert torch.equal(x, kept)
