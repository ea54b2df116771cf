"""Autoencoders in diffusers' format: their own answers, scaled as they say."""

import torch
from diffusers import AutoencoderKL, AutoencoderTiny

from train.models.autoencoder_latents import AutoencoderLatents


def test_latents_are_the_likeliest_ones_scaled() -> None:
    torch.manual_seed(0)
    vae = AutoencoderKL(
        block_out_channels=(8, 8),
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        norm_num_groups=4,
        scaling_factor=0.5,
    )
    latents = AutoencoderLatents(vae, name="test")
    clips = torch.rand(2, 3, 3, 16, 16) * 2 - 1
    found = latents.encode(clips)
    assert found.shape == (2, 3, latents.channels, 16 // latents.factor, 16 // latents.factor)
    assert torch.allclose(found[1, 2] * 2, vae.encode(clips[1, 2:]).latent_dist.mean[0], atol=1e-5)
    expected = vae.decode(found[0, :1] * 2).sample.clamp(-1, 1)
    assert torch.allclose(latents.decode(found)[0, :1], expected, atol=1e-5)


def test_taesd_is_read_through_the_same_door() -> None:
    torch.manual_seed(0)
    latents = AutoencoderLatents(AutoencoderTiny(), name="test")
    found = latents.encode(torch.rand(2, 3, 32, 32) * 2 - 1)
    assert found.shape == (2, 4, 4, 4)
    assert latents.decode(found).shape == (2, 3, 32, 32)
