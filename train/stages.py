"""The three training stages as data: what is learned, what stays frozen, and what a sample holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Set

    from torch import nn

StageName = Literal["image", "video", "speed"]
Part = Literal["spatial", "reference", "face", "temporal", "audio", "speed"]


@dataclass(frozen=True, kw_only=True)
class Stage:
    """One stage of EMO's training (sections 3.3 and 4.1); what the paper leaves open is in `train.recipes`."""

    learns: frozenset[Part]
    window_frames: int  # F: frames to denoise
    motion_frames: int  # n: frames before them; 0 leaves the temporal modules out
    has_audio: bool
    has_speed: bool


MOTION_FRAMES = 4  # n of EMO, section 4.1
CLIP_FRAMES = 12  # f of EMO, section 4.1

STAGES: Mapping[StageName, Stage] = {
    "image": Stage(
        learns=frozenset({"spatial", "reference", "face"}),
        window_frames=1,
        motion_frames=0,
        has_audio=False,
        has_speed=False,
    ),
    # The paper "adds" these parts; that the others freeze meanwhile it doesn't say, but Hallo's second stage does it.
    "video": Stage(
        learns=frozenset({"temporal", "audio"}),
        window_frames=CLIP_FRAMES,
        motion_frames=MOTION_FRAMES,
        has_audio=True,
        has_speed=False,
    ),
    # Audio layers freeze on purpose: else the mouth follows the head's speed and not the voice.
    "speed": Stage(
        learns=frozenset({"temporal", "speed"}),
        window_frames=CLIP_FRAMES,
        motion_frames=MOTION_FRAMES,
        has_audio=True,
        has_speed=True,
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


def trainable_parts(stage: Stage) -> frozenset[Part]:
    """Return the parts that a stage's samples reach at all: no other can be learned in it."""
    parts: set[Part] = {"spatial", "reference", "face"}
    if stage.motion_frames:
        parts.add("temporal")
    if stage.has_audio:
        parts.add("audio")
    if stage.has_speed:
        parts.add("speed")
    return frozenset(parts)


def part_of(parameter_name: str) -> Part:
    """Return the part of the model that a parameter of EmoModel belongs to."""
    if ".speed_" in parameter_name:
        return "speed"
    if ".audio_" in parameter_name:
        return "audio"
    if ".motion_modules." in parameter_name:
        return "temporal"
    return _PARTS_BY_MODULE[parameter_name.partition(".")[0]]


def freeze_for(model: nn.Module, learns: Set[Part]) -> None:
    """Let exactly these parts take gradients; the codecs never do."""
    from train.models.emo import CODECS

    for name, parameter in model.named_parameters():
        parameter.requires_grad_(not name.startswith(CODECS) and part_of(name) in learns)
