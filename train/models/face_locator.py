"""The face locator: where the face may be, as a light encoding of a mask that is added to the noisy latents."""

from itertools import pairwise

import torch
from torch import Tensor, nn

from train.models.zero_init import zeroed


class FaceLocator(nn.Module):
    """Light convolutions from a picture-sized mask to the latents' size, the last one beginning at zero."""

    def __init__(self, *, widths: tuple[int, ...], channels: int) -> None:
        """`widths` are the layers' channels, each after the first at half the side; `channels` are the latents'."""
        super().__init__()
        layers: list[nn.Module] = [nn.Conv2d(3, widths[0], 3, padding=1), nn.SiLU()]
        for inside, outside in pairwise(widths):
            layers += [nn.Conv2d(inside, outside, 3, stride=2, padding=1), nn.SiLU()]
        self.encode = nn.Sequential(*layers, zeroed(nn.Conv2d(widths[-1], channels, 3, padding=1)))

    def forward(self, mask: Tensor) -> Tensor:
        """Take a mask (B, 1, H, W) in {0, 1} and return (B, channels, h, w), the latents' size."""
        encoded: Tensor = self.encode(torch.cat([mask, _coordinates(mask)], dim=1))
        return encoded


def _coordinates(mask: Tensor) -> Tensor:
    """The place of each px, (B, 2, H, W) in [-1, 1]: an untrained backbone doesn't know it otherwise."""
    batch, _, height, width = mask.shape
    rows = torch.linspace(-1, 1, height, device=mask.device, dtype=mask.dtype)
    columns = torch.linspace(-1, 1, width, device=mask.device, dtype=mask.dtype)
    return torch.stack(torch.meshgrid(rows, columns, indexing="ij")).expand(batch, -1, -1, -1)
