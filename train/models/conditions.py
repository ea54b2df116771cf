"""What the denoiser is conditioned on, and the slot through which its layers see it."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

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
class Conditions:
    """The encoded conditions of B clips: made once a clip, read at every denoising step."""

    portrait: Tensor  # (B, C, h, w), the reference's latents
    reference: Mapping[str, Tensor]  # spatial block -> (B, tokens, channels)
    face: Tensor  # (B, C, h, w), added to the noisy latents
    motion: Mapping[str, Tensor] | None = None  # temporal module -> (B, n, channels, h', w')
    audio: Tensor | None = None  # (B, F, tokens, channels)
    speed: Tensor | None = None  # (B, n + F, channels)


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
