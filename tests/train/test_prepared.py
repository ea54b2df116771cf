"""A prepared model samples the same video, or in half the precision nearly the same."""

import numpy as np
import pytest
import torch

from tests.train.random_clips import random_inputs, random_latents, shake
from train.models.emo import EmoModel
from train.models.presets import TINY, build
from train.prepared import prepare
from train.sampling import SamplerSettings, generate


def frames_of(model: EmoModel) -> torch.Tensor:
    frames = generate(
        model,
        reference=torch.linspace(-1, 1, 64).expand(3, 64, 64),
        face_mask=torch.ones(1, 64, 64),
        samples=np.random.default_rng(0).normal(0, 0.1, 640 * 20).astype(np.float32),
        n_frames=13,
        settings=SamplerSettings(steps=2),
        speed_deg=torch.tensor(0.5),
    )
    return torch.stack(list(frames))


def test_a_prepared_model_samples_the_same_frames_and_nearly_so_in_bfloat16(model: EmoModel) -> None:
    shake(model)
    plain = frames_of(model)
    same = frames_of(prepare(model))
    assert torch.allclose(same, plain, atol=1e-3)
    assert not any(parameter.requires_grad for parameter in model.parameters())
    half = frames_of(prepare(model, dtype=torch.bfloat16))
    assert half.dtype == torch.float32
    assert not torch.equal(half, plain)
    assert (half - plain).square().mean() < 4e-4, "over 40 dB"


@pytest.mark.slow
def test_a_compiled_model_predicts_the_same_in_one_graph() -> None:
    """Traced only ("eager"): what the compiler then makes of the graph is the benchmark's to check."""
    torch.manual_seed(0)
    model = prepare(shake(build(TINY)))
    conditions, noisy, timesteps = model.encode(random_inputs(1)), random_latents(1), torch.tensor([500])
    with torch.no_grad():
        plain = model.denoise(noisy, timesteps, conditions)
        model.backbone.compile(backend="eager", fullgraph=True)
        assert torch.allclose(model.denoise(noisy, timesteps, conditions), plain, atol=1e-4)
