"""The three training stages as data: what is learned, what stays frozen, and what a sample holds."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from torch import nn

from train.models.emo import CODECS

StageName = Literal["image", "video", "speed"]
Part = Literal["spatial", "reference", "face", "temporal", "audio", "speed"]


@dataclass(frozen=True, kw_only=True)
class Stage:
    """One stage of EMO's training (section 3.3)."""

    learns: frozenset[Part]
    window_frames: int  # F: frames to denoise
    motion_frames: int  # n: frames before them; 0 leaves the temporal modules out
    has_audio: bool
    has_speed: bool
    batch_size: int  # windows a step unless told otherwise; the paper's 48 and 4 are for many GPUs


MOTION_FRAMES = 4  # n of EMO, section 4.1
CLIP_FRAMES = 12  # f of EMO, section 4.1

STAGES: Mapping[StageName, Stage] = {
    "image": Stage(
        learns=frozenset({"spatial", "reference", "face"}),
        window_frames=1,
        motion_frames=0,
        has_audio=False,
        has_speed=False,
        batch_size=8,
    ),
    # The paper "adds" the temporal modules and the audio layers; whether the rest freezes it doesn't say. Here it
    # learns on, since a model that starts from nothing has not seen enough after stage image.
    "video": Stage(
        learns=frozenset({"spatial", "reference", "face", "temporal", "audio"}),
        window_frames=CLIP_FRAMES,
        motion_frames=MOTION_FRAMES,
        has_audio=True,
        has_speed=False,
        batch_size=2,
    ),
    # Audio layers freeze on purpose: else the mouth follows the head's speed and not the voice.
    "speed": Stage(
        learns=frozenset({"temporal", "speed"}),
        window_frames=CLIP_FRAMES,
        motion_frames=MOTION_FRAMES,
        has_audio=True,
        has_speed=True,
        batch_size=1,
    ),
}

_PARTS_BY_MODULE: Mapping[str, Part] = {
    "backbone": "spatial",
    "reference_net": "reference",
    "output": "reference",
    "face_locator": "face",
    "audio_projection": "audio",
    "speed_encoder": "speed",
}


def part_of(parameter_name: str) -> Part:
    """Return the part of the model that a parameter of EmoModel belongs to."""
    if ".speed_" in parameter_name:
        return "speed"
    if ".audio_" in parameter_name:
        return "audio"
    if ".motion_modules." in parameter_name:
        return "temporal"
    return _PARTS_BY_MODULE[parameter_name.partition(".")[0]]


def freeze_for(model: nn.Module, stage: Stage) -> None:
    """Let exactly the parts that the stage learns take gradients; the codecs never do."""
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(not name.startswith(CODECS) and part_of(name) in stage.learns)
