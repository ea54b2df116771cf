"""What the denoiser is conditioned on, and the slot through which its layers see it."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class Inputs:
    """The conditions of B clips of F frames, as the dataset gives them; None leaves that condition's layers out."""

    reference: Tensor  # (B, C, h, w) latents of the reference portrait
    face_mask: Tensor  # (B, 1, H, W) in {0, 1}, in picture px: the union of the clip's face boxes
    motion: Tensor | None = None  # (B, n, C, h, w) latents of the n frames before the clip
    motion_given: Tensor | None = None  # (B,) in {0, 1}: 0 is a first clip, whose motion maps are zero
    audio: Tensor | None = None  # (B, F, 2m + 1, mels) speech features around each frame
    speed: Tensor | None = None  # (B, n + F) head rotation in degrees a frame


@dataclass(frozen=True, kw_only=True)
class PortraitMaps:
    """What the ReferenceNet gives for B portraits: made once a video, read by all its clips.

    The portrait whose latents are all zero is "no portrait": what dropout trains on and guidance subtracts.
    """

    latents: Tensor  # (B, C, h, w)
    tokens: Mapping[str, Tensor]  # spatial block -> (B, tokens, channels)


@dataclass(frozen=True, kw_only=True)
class Conditions:
    """The encoded conditions of B clips: made once a clip, read at every denoising step."""

    portrait: Tensor  # (B, C, h, w), the reference's latents
    reference: Mapping[str, Tensor]  # spatial block -> (B, tokens, channels)
    face: Tensor  # (B, C, h, w), added to the noisy latents
    motion: Mapping[str, Tensor] | None = None  # temporal module -> (B, n, channels, h', w')
    audio: Tensor | None = None  # (B, F, tokens, channels)
    speed: Tensor | None = None  # (B, n + F, channels)


def stack_conditions(each: Sequence[Conditions]) -> Conditions:
    """Join conditions along the batch, so that one denoising pass serves them all (guidance with and without).

    ValueError when a condition is left out in some and given in others.
    """
    if not each:
        raise ValueError("there are no conditions to stack")
    return Conditions(
        portrait=torch.cat([one.portrait for one in each]),
        reference=_stack_maps([one.reference for one in each]),
        face=torch.cat([one.face for one in each]),
        motion=_stack_maps(motions) if (motions := _all_or_none("motion", [one.motion for one in each])) else None,
        audio=torch.cat(audios) if (audios := _all_or_none("audio", [one.audio for one in each])) else None,
        speed=torch.cat(speeds) if (speeds := _all_or_none("speed", [one.speed for one in each])) else None,
    )


def _stack_maps(each: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
    return {name: torch.cat([maps[name] for maps in each]) for name in each[0]}


Given = TypeVar("Given")


def _all_or_none(name: str, each: Sequence[Given | None]) -> list[Given]:
    given = [one for one in each if one is not None]
    if given and len(given) < len(each):
        raise ValueError(
            f"{name} is given in {len(given)} of {len(each)} conditions; give zeros where it is taken away"
        )
    return given


class ConditionSlot:
    """Holds the conditions of the call in progress.

    diffusers hands nothing but the frame count to its temporal modules, so the blocks look here instead.
    """

    def __init__(self) -> None:
        self._current: Conditions | None = None

    @property
    def current(self) -> Conditions:
        """The conditions of the call in progress."""
        if self._current is None:
            raise RuntimeError("the backbone runs only through EmoModel.denoise, which gives it its conditions")
        return self._current

    @contextmanager
    def holding(self, conditions: Conditions) -> Iterator[None]:
        """Show `conditions` to the blocks for the time of the block."""
        self._current = conditions
        try:
            yield
        finally:
            self._current = None
