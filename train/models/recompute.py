"""Gradient checkpointing: a layer's inner results are worked out again in the backward pass, not kept for it."""

from collections.abc import Callable
from typing import TypeVar

import torch
from diffusers.models.resnet import ResnetBlock2D
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

Result = TypeVar("Result")


def recomputed(function: Callable[..., Result], *given: object) -> Result:
    """Return function(*given), keeping only `given`; what the function reads besides must be the same later."""
    if not torch.is_grad_enabled():
        return function(*given)
    result: Result = checkpoint(function, *given, use_reentrant=False, preserve_rng_state=False)
    return result


def recompute_resnets(module: nn.Module, *given: object) -> Tensor:
    """Recompute the residual blocks of a diffusers UNet; EMO's own blocks see to themselves.

    Recomputed from outside, a block of ours would look for its conditions in an empty slot, or note its maps twice.
    """
    result: Tensor = recomputed(module, *given) if isinstance(module, ResnetBlock2D) else module(*given)
    return result
