"""Latents of an autoencoder in diffusers' format: Stable Diffusion's VAE, or its tiny stand-in TAESD."""

import torch
from diffusers import AutoencoderKL, AutoencoderTiny
from torch import Tensor, nn

from train.models.in_pieces import in_pieces


class AutoencoderLatents(nn.Module):
    """A frozen autoencoder, its latents scaled as its own configuration says (0.18215 for Stable Diffusion's VAE)."""

    limit = None  # a VAE's latents have no bound

    def __init__(self, autoencoder: AutoencoderKL | AutoencoderTiny, *, name: str) -> None:
        super().__init__()
        self.name = name
        self.autoencoder = autoencoder.eval()
        self.channels: int = autoencoder.config.latent_channels
        self.factor: int = 2 ** (len(autoencoder.config.block_out_channels) - 1)
        self._scale: float = autoencoder.config.scaling_factor
        self.requires_grad_(False)

    @torch.no_grad()
    def encode(self, images: Tensor) -> Tensor:
        """Take RGB (..., 3, H, W) in [-1, 1] and return (..., channels, H / factor, W / factor): the likeliest ones."""
        return in_pieces(self._likeliest, images) * self._scale

    @torch.no_grad()
    def decode(self, latents: Tensor) -> Tensor:
        """Take (..., channels, h, w) and return RGB (..., 3, H, W), clamped to [-1, 1]."""
        pictures = in_pieces(self._decoded, latents / self._scale, px_a_side=self.factor)
        return pictures.clamp(-1, 1)

    def _decoded(self, raw: Tensor) -> Tensor:
        pictures: Tensor = self.autoencoder.decode(raw).sample
        return pictures

    def _likeliest(self, images: Tensor) -> Tensor:
        encoded = self.autoencoder.encode(images)
        found: Tensor = encoded.latent_dist.mode() if hasattr(encoded, "latent_dist") else encoded.latents
        return found
