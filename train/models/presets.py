"""The model's sizes by name."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from diffusers import UNet2DConditionModel, UNetMotionModel

from train.models.audio_projection import AudioProjection
from train.models.codecs import Frozen, LatentsName, SpeechName, build_latents, build_speech
from train.models.conditions import ConditionSlot
from train.models.emo import EmoModel, add_emo_layers
from train.models.face_locator import FaceLocator
from train.models.patch_output import PatchOutput, PlainOutput
from train.models.reference_net import ReferenceNet
from train.models.sources import Pretrained
from train.models.speed_encoder import SpeedEncoder
from train.noise_schedule import Schedule

_LATENT_CHANNELS: Mapping[LatentsName, int] = {"taef2": 32, "taesd": 4, "sd_vae": 4}


@dataclass(frozen=True, kw_only=True)
class Preset:
    """What the presets differ in.

    `sd15` is the paper's. The others begin with random weights on few data, so they deviate where it teaches a small
    model in minutes what Stable Diffusion brings along (each deviation's reason is with its code): the output is a
    change of the portrait (PatchOutput), reference attention knows places (SpatialBlock), audio has a straight path
    (AudioProjection), features are log-mel's, noise is DDPM's. All three deviate from the paper in these: reference
    attention has its own layers and begins at zero; the face locator sees px coordinates beside the mask; the speed
    encoder's buckets, which the paper doesn't give, are fitted to the corpus.
    """

    name: str
    image_px: int
    latents: LatentsName
    latent_factor: int  # px a latent's side stands for
    channels: tuple[int, ...]  # of the UNets, one a resolution
    attention: tuple[bool, ...]  # whether that resolution has spatial attention
    layers: int
    heads: int
    norm_groups: int
    places: bool  # whether reference attention knows where a token lies
    unexplained: float | None  # PatchOutput's e, in latents; None: the UNet's output is the prediction
    speech: SpeechName
    audio_hidden: tuple[int, ...]
    audio_straight: bool
    audio_tokens: int
    audio_channels: int
    face_widths: tuple[int, ...]  # the face locator's layers, one a resolution from the picture's to the latents'
    speed_buckets: int
    speed_channels: int
    schedule: Schedule

    @property
    def latent_channels(self) -> int:
        """How many numbers stand for a square of latent_factor px."""
        return 3 * self.latent_factor**2 if self.latents == "pixels" else _LATENT_CHANNELS[self.latents]


TINY = Preset(
    name="tiny",
    image_px=64,
    latents="pixels",
    latent_factor=8,
    channels=(64, 96),
    attention=(True, True),
    layers=1,
    heads=4,
    norm_groups=16,
    places=True,
    unexplained=0.1,
    speech="log_mel",
    audio_hidden=(128,),
    audio_straight=True,
    audio_tokens=4,
    audio_channels=64,
    face_widths=(16, 16, 16, 16),
    speed_buckets=9,
    speed_channels=32,
    schedule=Schedule(),
)

SMALL = Preset(
    name="small",
    image_px=256,
    latents="taef2",
    latent_factor=8,
    channels=(128, 256, 384),
    attention=(True, True, True),
    layers=1,
    heads=4,
    norm_groups=32,
    places=True,
    unexplained=0.2,  # of latents of unit variance: the same share as tiny's
    speech="log_mel",
    audio_hidden=(256,),
    audio_straight=True,
    audio_tokens=8,
    audio_channels=128,
    face_widths=(8, 16, 32, 64),
    speed_buckets=9,
    speed_channels=64,
    schedule=Schedule(),
)

SD15 = Preset(
    name="sd15",
    image_px=512,
    latents="sd_vae",
    latent_factor=8,
    channels=(320, 640, 1280, 1280),
    attention=(True, True, True, False),
    layers=2,
    heads=8,
    norm_groups=32,
    places=False,
    unexplained=None,
    speech="wav2vec2",
    audio_hidden=(512, 512),  # Hallo's audio_proj.py, as are tokens and channels
    audio_straight=False,
    audio_tokens=32,
    audio_channels=768,
    face_widths=(16, 32, 64, 128),  # Hallo's face_locator.py
    speed_buckets=9,
    speed_channels=256,
    schedule=Schedule(betas="scaled_linear"),
)

PRESETS: Mapping[str, Preset] = {preset.name: preset for preset in (TINY, SMALL, SD15)}


def build(
    sizes: Preset,
    *,
    schedule: Schedule | None = None,
    frozen: Frozen = "load",
    pretrained: Pretrained = Pretrained(),  # noqa: B008 - frozen
) -> EmoModel:
    """Build an EMO model with random weights; `schedule` in place of the preset's own.

    The frozen codecs get their published weights, from where `pretrained` says (WeightsError when they can't be had),
    or random ones. `load_pretrained` then gives the rest of `sd15` its weights.
    """
    schedule = schedule or sizes.schedule
    latents = build_latents(sizes.latents, factor=sizes.latent_factor, frozen=frozen, pretrained=pretrained)
    speech = build_speech(sizes.speech, frozen=frozen, pretrained=pretrained)
    slot = ConditionSlot()
    backbone = UNetMotionModel(
        **unet_sizes(sizes, suffix="Motion"),
        num_attention_heads=sizes.heads,
        motion_num_attention_heads=sizes.heads,
    )
    temporal = add_emo_layers(
        backbone,
        slot=slot,
        audio_channels=sizes.audio_channels,
        speed_channels=sizes.speed_channels,
        places=sizes.places,
    )
    twin = UNet2DConditionModel(**unet_sizes(sizes, suffix="2D"), attention_head_dim=sizes.heads)
    return EmoModel(
        backbone=backbone,
        reference_net=ReferenceNet(twin, temporal_names=temporal),
        audio_projection=AudioProjection(
            features=speech.features,
            window=5,
            hidden=sizes.audio_hidden,
            tokens=sizes.audio_tokens,
            channels=sizes.audio_channels,
            straight=sizes.audio_straight,
        ),
        face_locator=FaceLocator(widths=sizes.face_widths, channels=sizes.latent_channels),
        speed_encoder=SpeedEncoder(
            buckets=sizes.speed_buckets, context=2, hidden=sizes.speed_channels, channels=sizes.speed_channels
        ),
        latents=latents,
        speech=speech,
        output=_output(sizes, schedule),
        schedule=schedule,
        slot=slot,
    )


def unet_sizes(sizes: Preset, *, suffix: Literal["Motion", "2D"]) -> dict[str, object]:
    """Return the keyword arguments of diffusers' UNets; `suffix` is Motion for the backbone, 2D for its twin."""
    down = [f"CrossAttnDownBlock{suffix}" if a else f"DownBlock{suffix}" for a in sizes.attention]
    up = [f"CrossAttnUpBlock{suffix}" if a else f"UpBlock{suffix}" for a in reversed(sizes.attention)]
    return {
        "sample_size": sizes.image_px // sizes.latent_factor,
        "in_channels": sizes.latent_channels,
        "out_channels": sizes.latent_channels,
        "down_block_types": tuple(down),
        "up_block_types": tuple(up),
        "block_out_channels": sizes.channels,
        "cross_attention_dim": sizes.channels,
        "layers_per_block": sizes.layers,
        "norm_num_groups": sizes.norm_groups,
    }


def _output(sizes: Preset, schedule: Schedule) -> PatchOutput | PlainOutput:
    if sizes.unexplained is None:
        return PlainOutput()
    return PatchOutput(sizes.latent_channels, schedule, unexplained=sizes.unexplained)
