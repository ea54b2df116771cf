"""Gradient checkpointing: the same gradients from far fewer kept results."""

import pytest
import torch

from tests.train.random_clips import STRUCTURES, random_inputs, random_latents, shake
from train.models.emo import EmoModel
from train.models.presets import Preset, build


def kept_and_gradients(model: EmoModel, sizes: Preset) -> tuple[int, dict[str, torch.Tensor]]:
    own = {parameter.data_ptr() for parameter in model.parameters()}
    kept = 0

    def count(tensor: torch.Tensor) -> torch.Tensor:
        nonlocal kept
        kept += tensor.numel() if tensor.data_ptr() not in own else 0
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(count, lambda tensor: tensor):
        found = model(
            random_latents(1, frames=2, sizes=sizes),
            torch.tensor([500]),
            random_inputs(1, frames=2, motion=1, sizes=sizes),
        )
    found.square().mean().backward()
    gradients = {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}
    model.zero_grad()
    return kept, gradients


@pytest.mark.parametrize("sizes", STRUCTURES.values(), ids=STRUCTURES)
def test_recomputed_gradients_are_the_same(sizes: Preset) -> None:
    torch.manual_seed(0)
    model = shake(build(sizes, frozen="random"))
    kept_all, expected = kept_and_gradients(model, sizes)
    model.enable_gradient_checkpointing()
    kept, found = kept_and_gradients(model, sizes)
    assert found.keys() == expected.keys()
    assert {name.split(".")[0] for name in found} >= {"backbone", "reference_net", "audio_projection", "speed_encoder"}
    for name, gradient in expected.items():
        assert torch.allclose(found[name], gradient, rtol=1e-4, atol=1e-6), name
    assert kept < kept_all / 4
