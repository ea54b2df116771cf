"""LPIPS on AlexNet (Zhang et al. 2018, v0.1): five layers' differences, weighted by channel.

Parameters are named as torchvision's AlexNet names them, so that its published state dict loads strictly.
"""

from __future__ import annotations

import importlib.util
from itertools import pairwise
from pathlib import Path

import torch
from torch import Tensor, nn

from curate.errors import WeightsError

CHANNELS = (64, 192, 384, 256, 256)
TAPS = (1, 4, 7, 9, 11)  # the five ReLUs of AlexNet's features
SHIFT, SCALE = (-0.030, -0.088, -0.188), (0.458, 0.448, 0.450)  # ImageNet's mean and deviation, in [-1, 1]
EPSILON = 1e-8


class LpipsAlex(nn.Module):
    """The distance of two batches of pictures (N, 3, H, W) in [-1, 1], RGB, of at least 63 px a side."""

    shift: Tensor
    scale: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.features = build_alexnet_features()
        self.linear = nn.ParameterList(nn.Parameter(torch.zeros(1, n, 1, 1)) for n in CHANNELS)
        self.register_buffer("shift", torch.tensor(SHIFT).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("scale", torch.tensor(SCALE).view(1, 3, 1, 1), persistent=False)

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        """Return (N,) distances, 0 for equal pictures."""
        pairs = zip(self.linear, self._activations(first), self._activations(second), strict=True)
        parts = [(weight * (a - b) ** 2).sum(dim=1).mean(dim=(1, 2)) for weight, a, b in pairs]
        return torch.stack(parts).sum(dim=0)

    def _activations(self, pictures: Tensor) -> list[Tensor]:
        values, found = (pictures - self.shift) / self.scale, []
        for index, layer in enumerate(self.features[: TAPS[-1] + 1]):
            values = layer(values)
            if index in TAPS:
                found.append(values / torch.sqrt(EPSILON + (values**2).sum(dim=1, keepdim=True)))
        return found


def build_alexnet_features() -> nn.Sequential:
    """The convolutional part of AlexNet (Krizhevsky 2014, "one weird trick")."""
    layers: list[nn.Module] = [nn.Conv2d(3, CHANNELS[0], 11, stride=4, padding=2), nn.ReLU(), nn.MaxPool2d(3, 2)]
    layers += [nn.Conv2d(CHANNELS[0], CHANNELS[1], 5, padding=2), nn.ReLU(), nn.MaxPool2d(3, 2)]
    for inward, outward in pairwise(CHANNELS[1:]):
        layers += [nn.Conv2d(inward, outward, 3, padding=1), nn.ReLU()]
    return nn.Sequential(*layers, nn.MaxPool2d(3, 2))


def load_linear(network: LpipsAlex) -> None:
    """Fill in the linear weights (6 KB, BSD) that lie in the torchmetrics package; WeightsError without it."""
    spec = importlib.util.find_spec("torchmetrics")
    if spec is None or spec.origin is None:
        raise WeightsError("LPIPS reads its linear weights from torchmetrics: pip install torchmetrics")
    file = Path(spec.origin).parent / "functional/image/lpips_models/alex.pth"
    if not file.is_file():
        raise WeightsError(f"this torchmetrics holds no {file.name} with LPIPS' linear weights; 1.9.0 does")
    held = torch.load(file, map_location="cpu", weights_only=True)
    with torch.no_grad():
        for index, weight in enumerate(network.linear):
            weight.copy_(held[f"lin{index}.model.1.weight"])
