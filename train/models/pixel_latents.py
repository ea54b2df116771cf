"""Latents without an autoencoder: blocks of pixels folded into channels."""

import torch.nn.functional as F
from torch import Tensor, nn


class PixelLatents(nn.Module):
    """Fold each square of `factor` x `factor` px into channels, and back; exact, and nothing to learn."""

    limit = 1.0  # no clean latent is larger, so a sampler may clamp its estimates there

    def __init__(self, factor: int) -> None:
        super().__init__()
        self.name = f"pixels {factor}"
        self.factor = factor
        self.channels = 3 * factor**2

    def encode(self, images: Tensor) -> Tensor:
        """Take RGB (..., 3, H, W) in [-1, 1] and return (..., channels, H / factor, W / factor)."""
        return F.pixel_unshuffle(images, self.factor)

    def decode(self, latents: Tensor) -> Tensor:
        """Take (..., channels, h, w) and return RGB (..., 3, H, W), clamped to [-1, 1]."""
        return F.pixel_shuffle(latents, self.factor).clamp(-1, 1)
