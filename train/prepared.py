"""A model prepared for sampling: its device, its precision, and whether it is compiled."""

from typing import Any

import torch
from torch import Tensor, nn

from train.models.emo import EmoModel


def prepare(
    model: EmoModel,
    *,
    device: torch.device | str = "cpu",
    dtype: torch.dtype = torch.float32,
    compile: bool = False,
) -> EmoModel:
    """Make `model` ready to be sampled from, in place, and return it; it can't be trained any more.

    `dtype` is that of the UNets and the audio projection; codecs, the output's arithmetic and the latents stay float32.
    With `compile` the first clip takes minutes, and each later one less.
    """
    model.to(device).eval().requires_grad_(False)
    model.backbone.to(memory_format=torch.channels_last)
    if dtype != torch.float32:
        for part in (model.backbone, model.reference_net, model.audio_projection):
            nn.Module.to(part, dtype)  # diffusers' own warns of modules that stay in float32, and names none
            part.register_forward_pre_hook(_casts_input(dtype))
        model.backbone.register_forward_hook(_float32_sample)
        model.speed_encoder.register_forward_hook(_casts_output(dtype))
    if compile:
        model.backbone.compile()
    return model


def _casts_input(dtype: torch.dtype) -> Any:
    def cast(_module: nn.Module, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
        return (inputs[0].to(dtype), *inputs[1:])

    return cast


def _casts_output(dtype: torch.dtype) -> Any:
    def cast(_module: nn.Module, _inputs: Any, output: Tensor) -> Tensor:
        return output.to(dtype)

    return cast


def _float32_sample(_module: nn.Module, _inputs: Any, output: Any) -> Any:
    output.sample = output.sample.float()
    return output
