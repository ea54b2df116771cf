"""Anchoring: a clip's colours and sharpness are brought back to where its video began, once they have left it."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

# How far a clip of 12 frames lies from its video's first in real talking videos (18 videos, 449 clips, at 64 and 256
# px), at the 95th percentile: 0.040, 0.060 and 0.13. What is within is left alone.
LEVEL_BAND = 0.04  # of a channel's mean, in [-1, 1]
CONTRAST_BAND = 0.06  # of the logarithm of its standard deviation
DETAIL_BAND = 0.13  # of the logarithm of the Laplacian's standard deviation

# What is corrected at most; a clip that is further off is broken.
MAX_LEVEL, MAX_CONTRAST, MAX_DETAIL = 0.2, 0.3, 0.4

# How far a model's first clip may lie from the portrait by its own manner.
MANNER_LEVEL, MANNER_CONTRAST = 0.1, 0.2

_BINOMIAL = torch.tensor([1.0, 4.0, 6.0, 4.0, 1.0]) / 16


@dataclass(frozen=True, kw_only=True)
class Looks:
    """How frames look: `level` and `contrast` (..., 3), the mean and the logarithm of the standard deviation of each
    channel, and `detail` (...), the logarithm of the standard deviation of the brightness' Laplacian."""

    level: Tensor
    contrast: Tensor
    detail: Tensor


def looks(frames: Tensor) -> Looks:
    """Measure frames (F, 3, H, W) in [-1, 1]."""
    return Looks(
        level=frames.mean(dim=(2, 3)),
        contrast=_log(frames.std(dim=(2, 3))),
        detail=_log(_laplacian(frames).std((1, 2))),
    )


def anchor_of(first_clip: Looks, portrait: Looks) -> Looks:
    """Return what later clips are held to: the first clip's looks, as far as they are the portrait's (a (1,) look)."""
    level, contrast = first_clip.level.mean(0), first_clip.contrast.mean(0)
    return Looks(
        level=_within(level, portrait.level[0], MANNER_LEVEL),
        contrast=_within(contrast, portrait.contrast[0], MANNER_CONTRAST),
        detail=first_clip.detail.mean(0),
    )


def anchored(frames: Tensor, anchor: Looks) -> Tensor:
    """Bring a clip's frames (F, 3, H, W) back to within the bands around `anchor`; those within are left as they are.

    What is corrected follows the clip's trend, a line through its frames: a frame's own movement stays, and a clip that
    begins where the (corrected) motion frames are is not touched there, so that no seam arises.
    """
    found = looks(frames)
    level = _excess(_line(found.level - anchor.level), LEVEL_BAND, MAX_LEVEL)
    contrast = _excess(_line(found.contrast - anchor.contrast), CONTRAST_BAND, MAX_CONTRAST)
    if level.any() or contrast.any():
        middle = found.level[:, :, None, None]
        frames = (frames - middle) * torch.exp(-contrast)[:, :, None, None] + middle - level[:, :, None, None]
    detail = _excess(_line((looks(frames).detail - anchor.detail)[:, None]), DETAIL_BAND, MAX_DETAIL)[:, 0]
    if detail.any():
        frames = _sharpened(frames, torch.exp(-detail))
    return frames.clamp(-1, 1)


def _sharpened(frames: Tensor, factor: Tensor) -> Tensor:
    """Make the Laplacian's standard deviation `factor` (F,) times what it is, by x + k (x - blurred x) with a fit k."""
    fine = frames - _blurred(frames)
    own, added = _laplacian(frames), _laplacian(fine)
    a, b, c = ((one * other).mean((1, 2)) for one, other in ((own, own), (own, added), (added, added)))
    root = (b**2 - a * c * (1 - factor**2)).clamp_min(0).sqrt()
    return frames + ((root - b) / c.clamp_min(1e-12))[:, None, None, None] * fine


def _line(values: Tensor) -> Tensor:
    """The least-squares line through values (F, k), at its F places."""
    places = torch.linspace(-1, 1, len(values)).to(values)[:, None]
    slope = (places * values).sum(0) / (places**2).sum().clamp_min(1e-12)
    return values.mean(0) + slope * places


def _excess(values: Tensor, band: float, most: float) -> Tensor:
    return (values - values.clamp(-band, band)).clamp(-most, most)


def _within(value: Tensor, centre: Tensor, reach: float) -> Tensor:
    return value.clamp(centre - reach, centre + reach)


def _log(values: Tensor) -> Tensor:
    return values.clamp_min(1e-3).log()


def _laplacian(frames: Tensor) -> Tensor:
    """The brightness' Laplacian (F, H - 2, W - 2)."""
    grey = frames.mean(dim=1)
    middle = grey[:, 1:-1, 1:-1]
    return grey[:, :-2, 1:-1] + grey[:, 2:, 1:-1] + grey[:, 1:-1, :-2] + grey[:, 1:-1, 2:] - 4 * middle


def _blurred(frames: Tensor) -> Tensor:
    weights = _BINOMIAL.to(frames)
    kernel = (weights[:, None] * weights).expand(3, 1, 5, 5)
    return F.conv2d(F.pad(frames, (2, 2, 2, 2), mode="replicate"), kernel, groups=3)
