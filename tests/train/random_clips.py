"""Random conditions and latents of the tiny model, and of the presets' structures at sizes that test quickly."""

from collections.abc import Mapping
from dataclasses import replace

import torch

from train.models.conditions import Inputs
from train.models.emo import EmoModel
from train.models.presets import SD15, SMALL, TINY, Preset
from train.speech_features import LogMel

SIDE, CHANNELS = TINY.image_px // TINY.latent_factor, TINY.latent_channels

SHRUNKEN_SD15 = replace(
    SD15,
    image_px=64,
    channels=(32, 32, 64, 64),
    heads=4,
    audio_hidden=(16, 16),
    audio_tokens=4,
    audio_channels=32,
    face_widths=(8, 8, 8, 8),
    speed_channels=16,
)
STRUCTURES: Mapping[str, Preset] = {
    "tiny": TINY,
    "small": replace(SMALL, image_px=64, channels=(32, 32, 64), audio_hidden=(16,), audio_channels=32),
    "sd15": replace(SHRUNKEN_SD15, latents="taesd", speech="log_mel"),  # codecs that cost nothing to build
}


def random_inputs(
    batch: int,
    *,
    frames: int = 12,
    motion: int = 4,
    seed: int = 0,
    sizes: Preset = TINY,
    features: int = LogMel.features,
) -> Inputs:
    """Every condition there is, at random."""
    generator = torch.Generator().manual_seed(seed)
    side, channels = sizes.image_px // sizes.latent_factor, sizes.latent_channels

    def noise(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=generator)

    return Inputs(
        reference=noise(batch, channels, side, side),
        face_mask=(noise(batch, 1, sizes.image_px, sizes.image_px) > 0).float(),
        motion=noise(batch, motion, channels, side, side),
        motion_given=torch.ones(batch),
        audio=noise(batch, frames, 5, features),
        speed=noise(batch, motion + frames).abs(),
    )


def random_latents(batch: int, *, frames: int = 12, seed: int = 1, sizes: Preset = TINY) -> torch.Tensor:
    """Noisy latents (B, F, C, h, w)."""
    side = sizes.image_px // sizes.latent_factor
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(batch, frames, sizes.latent_channels, side, side, generator=generator)


def shake(model: EmoModel) -> EmoModel:
    """Move every weight off its start, so that no part of the model is silent any more."""
    torch.manual_seed(7)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
    return model
