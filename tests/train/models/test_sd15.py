"""The paper's size: parameters as published, and one step of it forwards and backwards."""

import os
from dataclasses import replace

import pytest
import torch
from diffusers import MotionAdapter, UNet2DConditionModel

from tests.train.random_clips import random_inputs, random_latents
from train.models.emo import EmoModel
from train.models.presets import SD15, build, unet_sizes
from train.stages import freeze_for

SD15_UNET = 859_520_964  # parameters of Stable Diffusion 1.5's
ANIMATEDIFF_V2_M = 453  # millions of mm_sd_v15_v2's


@pytest.fixture
def large(request: pytest.FixtureRequest) -> None:
    """Skip unless asked for."""
    if os.environ.get("EMOFORGE_LARGE") != "1" and "large" not in request.config.getoption("markexpr"):
        pytest.skip("builds 2.4 G parameters (7 GiB, two minutes); run with EMOFORGE_LARGE=1 or -m large")


def test_the_unet_and_the_motion_modules_are_those_of_the_published_files() -> None:
    with torch.device("meta"):
        model = build(SD15, frozen="random")
        text_unet = UNet2DConditionModel(
            **unet_sizes(SD15, suffix="2D") | {"cross_attention_dim": 768}, attention_head_dim=SD15.heads
        )
        adapter = MotionAdapter(use_motion_mid_block=True)
    assert sum(p.numel() for p in text_unet.parameters()) == SD15_UNET
    motion = {name: p for name, p in model.backbone.named_parameters() if ".motion_modules." in name}
    motion = {name: p for name, p in motion.items() if ".speed_" not in name}
    published = dict(adapter.named_parameters())
    assert {name: p.shape for name, p in motion.items()} == {name: p.shape for name, p in published.items()}
    assert round(sum(p.numel() for p in published.values()) / 1e6) == ANIMATEDIFF_V2_M
    twins = {name: p.shape for name, p in model.backbone.named_parameters() if ".attn2.to_" not in name}
    for name, parameter in text_unet.named_parameters():
        assert ".attn2.to_" in name or twins[name] == parameter.shape, name


@pytest.mark.large
@pytest.mark.timeout(1200)
@pytest.mark.usefixtures("large")
def test_one_step_of_training_at_full_size() -> None:
    torch.manual_seed(0)
    model = bfloat16_model()
    freeze_for(model, frozenset({"temporal", "speed"}))
    model.enable_gradient_checkpointing()
    sizes = replace(SD15, image_px=128)
    inputs = random_inputs(1, frames=2, motion=2, sizes=sizes, features=model.speech.features)
    inputs = replace(inputs, **{name: value.bfloat16() for name, value in vars(inputs).items()})
    found = model(random_latents(1, frames=2, sizes=sizes).bfloat16(), torch.tensor([500]), inputs)
    assert found.shape == (1, 2, 4, 16, 16)
    found.float().square().mean().backward()
    learned = [p.grad for name, p in model.named_parameters() if p.requires_grad and name.endswith("proj_out.weight")]
    assert learned
    assert all(gradient is not None and gradient.isfinite().all() for gradient in learned)


def bfloat16_model() -> EmoModel:
    """The model, made in half the memory."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.bfloat16)
    try:
        return build(SD15, frozen="random")
    finally:
        torch.set_default_dtype(before)
