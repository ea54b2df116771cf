"""The model's sizes by name."""

from collections.abc import Mapping
from dataclasses import dataclass

from diffusers import UNet2DConditionModel, UNetMotionModel

from train.models.audio_projection import AudioProjection
from train.models.conditions import ConditionSlot
from train.models.emo import EmoModel, add_emo_layers
from train.models.face_locator import FaceLocator
from train.models.patch_output import PatchOutput
from train.models.pixel_latents import PixelLatents
from train.models.reference_net import ReferenceNet
from train.models.speed_encoder import SpeedEncoder
from train.noise_schedule import Schedule
from train.speech_features import LogMel


@dataclass(frozen=True, kw_only=True)
class Preset:
    """What the presets differ in."""

    name: str
    image_px: int
    latent_factor: int  # px a latent's side stands for
    channels: tuple[int, ...]  # of the UNets, one a resolution
    attention: tuple[bool, ...]  # whether that resolution has spatial attention
    layers: int
    heads: int
    norm_groups: int
    audio_tokens: int
    audio_channels: int
    speed_buckets: int
    speed_channels: int
    schedule: Schedule


TINY = Preset(
    name="tiny",
    image_px=64,
    latent_factor=8,
    channels=(64, 96),
    attention=(True, True),
    layers=1,
    heads=4,
    norm_groups=16,
    audio_tokens=4,
    audio_channels=64,
    speed_buckets=9,
    speed_channels=32,
    schedule=Schedule(),
)


def build(sizes: Preset, *, schedule: Schedule | None = None) -> EmoModel:
    """Build an EMO model with random weights; `schedule` in place of the preset's own."""
    schedule = schedule or sizes.schedule
    speech = LogMel()
    latents = PixelLatents(sizes.latent_factor)
    slot = ConditionSlot()
    backbone = UNetMotionModel(
        **unet_sizes(sizes, suffix="Motion"),
        num_attention_heads=sizes.heads,
        motion_num_attention_heads=sizes.heads,
    )
    temporal = add_emo_layers(
        backbone, slot=slot, audio_channels=sizes.audio_channels, speed_channels=sizes.speed_channels
    )
    twin = UNet2DConditionModel(**unet_sizes(sizes, suffix="2D"), attention_head_dim=sizes.heads)
    return EmoModel(
        backbone=backbone,
        reference_net=ReferenceNet(twin, temporal_names=temporal),
        audio_projection=AudioProjection(
            features=speech.features, window=5, hidden=128, tokens=sizes.audio_tokens, channels=sizes.audio_channels
        ),
        face_locator=FaceLocator(factor=sizes.latent_factor, hidden=16, channels=latents.channels),
        speed_encoder=SpeedEncoder(
            buckets=sizes.speed_buckets, context=2, hidden=sizes.speed_channels, channels=sizes.speed_channels
        ),
        latents=latents,
        speech=speech,
        output=PatchOutput(latents.channels, schedule),
        schedule=schedule,
        slot=slot,
    )


def unet_sizes(sizes: Preset, *, suffix: str) -> dict[str, object]:
    """Return the keyword arguments of diffusers' UNets; `suffix` is Motion for the backbone, 2D for its twin."""
    latent_channels = 3 * sizes.latent_factor**2
    down = [f"CrossAttnDownBlock{suffix}" if a else f"DownBlock{suffix}" for a in sizes.attention]
    up = [f"CrossAttnUpBlock{suffix}" if a else f"UpBlock{suffix}" for a in reversed(sizes.attention)]
    return {
        "sample_size": sizes.image_px // sizes.latent_factor,
        "in_channels": latent_channels,
        "out_channels": latent_channels,
        "down_block_types": tuple(down),
        "up_block_types": tuple(up),
        "block_out_channels": sizes.channels,
        "cross_attention_dim": sizes.channels,
        "layers_per_block": sizes.layers,
        "norm_num_groups": sizes.norm_groups,
    }


PRESETS: Mapping[str, Preset] = {preset.name: preset for preset in (TINY,)}
