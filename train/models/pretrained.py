"""Stable Diffusion's and AnimateDiff's weights into an EMO model, with a report on where every parameter is from."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from diffusers import MotionAdapter, UNet2DConditionModel
from torch import Tensor

from curate.errors import WeightsError
from train.models.emo import CODECS, EmoModel
from train.models.sources import Pretrained, listed, open_published

BACKBONE, TWIN = "backbone.", "reference_net.unet."
# EMO's own parts, and what has another shape or begins at zero since text attention became reference attention
_NEW = re.compile(
    r"(audio_projection|face_locator|speed_encoder|output)\."
    r"|backbone\..*\.(audio|speed)_(norm|attention)\."
    r"|backbone\..*\.attentions\..*\.attn2\.to_(k|v|out\.0)\."
)
# What the files hold for text attention, and for a denoiser's output, which the ReferenceNet has not
_UNUSED = {
    BACKBONE: re.compile(r".*\.attn2\.to_(k|v|out\.0)\."),
    TWIN: re.compile(r".*\.attn2\.|conv_norm_out\.|conv_out\."),
}
_UNET_SETTINGS = (  # what decides how a UNet computes and leaves no trace in its parameters' shapes
    "attention_head_dim",
    "norm_num_groups",
    "norm_eps",
    "act_fn",
    "flip_sin_to_cos",
    "freq_shift",
    "center_input_sample",
    "mid_block_scale_factor",
    "down_block_types",
    "up_block_types",
)
_MID_MOTION = "mid_block.motion_modules."  # AnimateDiff v2 has it, v1 and v3 have not


@dataclass(frozen=True, kw_only=True)
class KeyReport:
    """Where each parameter of the model is from; every one is in exactly one of `loaded` and `new`."""

    loaded: Mapping[str, str]  # parameter -> the source
    new: tuple[str, ...]  # parameters that no file has: they begin as EMO's own parts do
    unused: Mapping[str, tuple[str, ...]]  # the part that leaves them -> keys of the file

    def __str__(self) -> str:
        """A line for each source, and one for each kind of new and unused key."""
        sources = sorted(set(self.loaded.values()))
        lines = [f"{list(self.loaded.values()).count(source):5} loaded from {source}" for source in sources]
        lines += [f"{count:5} new: {kind}" for kind, count in _by_kind(self.new)]
        for part, keys in self.unused.items():
            lines += [f"{count:5} unused by {part.rstrip('.')}: {kind}" for kind, count in _by_kind(keys)]
        return "\n".join(lines)


def load_pretrained(model: EmoModel, pretrained: Pretrained) -> KeyReport:
    """Give backbone and ReferenceNet SD's weights and the temporal modules AnimateDiff's; the rest stays as it is.

    WeightsError, with the model as it was, when a file can't be had or is not of the model's sizes.
    """
    unet = open_published(UNet2DConditionModel, pretrained.unet, subfolder="unet")
    adapter = open_published(MotionAdapter, pretrained.motion_adapter)
    _check_sizes(model, unet, adapter, pretrained)
    found = dict(_parameters(model, unet.state_dict(), adapter.state_dict(), pretrained))
    wanted = {name: value for name, value in model.state_dict().items() if not name.startswith(CODECS)}
    new = tuple(name for name in wanted if name not in found)
    unused = {part: tuple(key for key in unet.state_dict() if _UNUSED[part].match(key)) for part in (BACKBONE, TWIN)}
    problems = [f"no file has {name}" for name in new if not _may_be_new(name, adapter)]
    problems += [f"the model has no {name}" for name in found if name not in wanted]
    problems += [
        f"{name} is {list(value.shape)} in {source!r}, not {list(wanted[name].shape)}"
        for name, (value, source) in found.items()
        if name in wanted and value.shape != wanted[name].shape
    ]
    if problems:
        raise WeightsError(f"the weights are not those of the model: {listed(problems, at_most=4)}")
    with torch.no_grad():
        for name, (value, _) in found.items():
            wanted[name].copy_(value)
    return KeyReport(loaded={name: source for name, (_, source) in found.items()}, new=new, unused=unused)


def _parameters(
    model: EmoModel, unet: Mapping[str, Tensor], adapter: Mapping[str, Tensor], pretrained: Pretrained
) -> Iterator[tuple[str, tuple[Tensor, str]]]:
    """Give each parameter that a file has a value for: its name in the model, the value, and the source."""
    for part in (BACKBONE, TWIN):
        for key, value in unet.items():
            if not _UNUSED[part].match(key):
                yield part + key, (value, pretrained.unet)
    for key, value in adapter.items():
        yield BACKBONE + key, (value, pretrained.motion_adapter)


def _may_be_new(name: str, adapter: MotionAdapter) -> bool:
    has_mid = adapter.config.use_motion_mid_block
    return bool(_NEW.match(name)) or (not has_mid and name.startswith(BACKBONE + _MID_MOTION))


def _check_sizes(model: EmoModel, unet: Any, adapter: Any, pretrained: Pretrained) -> None:
    ours, twins = model.backbone.config, model.reference_net.unet.config
    checks = [(pretrained.unet, key, unet.config[key], twins[key]) for key in _UNET_SETTINGS]
    heads = "motion_num_attention_heads"
    checks.append((pretrained.motion_adapter, heads, adapter.config[heads], ours[heads]))
    for source, key, theirs, own in checks:
        if _plain(theirs) != _plain(own):
            raise WeightsError(f"{source!r} is not of the model's kind: its {key} is {theirs!r}, the model's {own!r}")


def _plain(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value


def _by_kind(names: tuple[str, ...]) -> list[tuple[str, int]]:
    """Count names that differ in their numbers alone."""
    kinds = [re.sub(r"(?<=\.)\d+(?=\.)", "*", name) for name in names]
    return [(kind, kinds.count(kind)) for kind in dict.fromkeys(kinds)]
