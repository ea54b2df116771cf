"""The codecs by name: what turns pictures into latents and sound into features. They are frozen, and never saved."""

from typing import Literal

from diffusers import AutoencoderKL, AutoencoderTiny
from torch import nn

from curate.errors import EmoforgeError
from train.models.autoencoder_latents import AutoencoderLatents
from train.models.pixel_latents import PixelLatents
from train.models.sources import Pretrained, digest, open_published
from train.models.taef2 import Taef2Latents, load_taef2
from train.speech_features import LogMel
from train.wav2vec2 import Wav2Vec2Features

LatentsName = Literal["pixels", "taef2", "taesd", "sd_vae"]
SpeechName = Literal["log_mel", "wav2vec2"]
Frozen = Literal["load", "random"]
Latents = PixelLatents | Taef2Latents | AutoencoderLatents
Speech = LogMel | Wav2Vec2Features

_SD_VAE = {  # stabilityai/sd-vae-ft-mse's config.json
    "block_out_channels": (128, 256, 512, 512),
    "down_block_types": ("DownEncoderBlock2D",) * 4,
    "up_block_types": ("UpDecoderBlock2D",) * 4,
    "layers_per_block": 2,
    "latent_channels": 4,
    "sample_size": 256,
}


def build_latents(name: LatentsName, *, factor: int, frozen: Frozen, pretrained: Pretrained) -> Latents:
    """Return the codec of pictures; WeightsError when its weights can't be had. `factor` is that of pixels alone."""
    if name == "pixels":
        return PixelLatents(factor)
    if name == "taef2":
        return load_taef2() if frozen == "load" else Taef2Latents()
    if frozen == "random":
        network = AutoencoderTiny() if name == "taesd" else AutoencoderKL(**_SD_VAE)
        return AutoencoderLatents(network, name=f"{name} random")
    if name == "taesd":
        network = open_published(AutoencoderTiny, pretrained.taesd)
    else:
        network = open_published(AutoencoderKL, pretrained.vae, subfolder="vae")
    return AutoencoderLatents(network, name=f"{name} {digest(network)}")


def build_speech(name: SpeechName, *, frozen: Frozen, pretrained: Pretrained) -> Speech:
    """Return the codec of sound; WeightsError when its weights can't be had, EmoforgeError without transformers."""
    if name == "log_mel":
        return LogMel()
    try:
        from transformers import Wav2Vec2Config, Wav2Vec2Model
    except ImportError as error:
        raise EmoforgeError("wav2vec2 needs a package: pip install emoforge[features]") from error
    if frozen == "random":
        return Wav2Vec2Features(Wav2Vec2Model(Wav2Vec2Config()), name="wav2vec2 random")
    # Published with the head that writes letters, which is left out, and without the vector that masks its training.
    network = open_published(
        Wav2Vec2Model, pretrained.wav2vec2, may_lack=("masked_spec_embed",), may_ignore=("lm_head.",)
    )
    if hasattr(network, "masked_spec_embed"):
        nn.init.zeros_(network.masked_spec_embed)  # else a random one, and another digest each time
    return Wav2Vec2Features(network, name=f"wav2vec2 {digest(network)}")
