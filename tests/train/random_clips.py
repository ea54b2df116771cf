"""Random conditions and latents of the tiny model."""

import torch

from train.models.conditions import Inputs
from train.models.emo import EmoModel
from train.models.presets import TINY

SIDE, CHANNELS = TINY.image_px // TINY.latent_factor, 3 * TINY.latent_factor**2


def random_inputs(batch: int, *, frames: int = 12, motion: int = 4, seed: int = 0) -> Inputs:
    """Every condition there is, at random."""
    generator = torch.Generator().manual_seed(seed)

    def noise(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=generator)

    return Inputs(
        reference=noise(batch, CHANNELS, SIDE, SIDE),
        face_mask=(noise(batch, 1, TINY.image_px, TINY.image_px) > 0).float(),
        motion=noise(batch, motion, CHANNELS, SIDE, SIDE),
        motion_given=torch.ones(batch),
        audio=noise(batch, frames, 5, 160),
        speed=noise(batch, motion + frames).abs(),
    )


def random_latents(batch: int, *, frames: int = 12, seed: int = 1) -> torch.Tensor:
    """Noisy latents (B, F, C, h, w)."""
    return torch.randn(batch, frames, CHANNELS, SIDE, SIDE, generator=torch.Generator().manual_seed(seed))


def shake(model: EmoModel) -> EmoModel:
    """Move every weight off its start, so that no part of the model is silent any more."""
    torch.manual_seed(7)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
    return model
