"""Xception (Chollet 2017, arXiv 1610.02357) with the parameter names that FaceForensics++ and its heirs save."""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn
from torch.nn import functional

MIDDLE_WIDTH, MIDDLE_BLOCKS = 728, 8


class SeparableConv(nn.Module):
    """A 3x3 convolution of each channel by itself, then a 1x1 over channels; the size stays."""

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels_in, channels_in, 3, padding=1, groups=channels_in, bias=False)
        self.pointwise = nn.Conv2d(channels_in, channels_out, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.pointwise(self.conv1(x))
        return y


class Block(nn.Module):
    """Separable convolutions through `widths`, added to the input or, where size or width changes, to its projection.

    With `halves` the output's sides are half the input's, rounded up. ReLU comes before each convolution, before the
    first only with `begins_with_relu`.
    """

    def __init__(self, widths: tuple[int, ...], *, halves: bool = True, begins_with_relu: bool = True) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for channels_in, channels_out in pairwise(widths):
            layers += [nn.ReLU(), SeparableConv(channels_in, channels_out), nn.BatchNorm2d(channels_out)]
        if halves:
            layers.append(nn.MaxPool2d(3, 2, 1))
        self.rep = nn.Sequential(*(layers if begins_with_relu else layers[1:]))
        self.skip: nn.Module = nn.Conv2d(widths[0], widths[-1], 1, stride=2, bias=False) if halves else nn.Identity()
        self.skipbn: nn.Module = nn.BatchNorm2d(widths[-1]) if halves else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.rep(x) + self.skipbn(self.skip(x))
        return y


class Xception(nn.Module):
    """Pictures (n, 3, h, w), sides of 71 px and more, RGB in [-1, 1] -> logits (n, n_classes)."""

    def __init__(self, *, n_classes: int) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, 32, 3, stride=2, bias=False), nn.BatchNorm2d(32)
        self.conv2, self.bn2 = nn.Conv2d(32, 64, 3, bias=False), nn.BatchNorm2d(64)
        blocks = [
            Block((64, 128, 128), begins_with_relu=False),
            Block((128, 256, 256)),
            Block((256, MIDDLE_WIDTH, MIDDLE_WIDTH)),
            *(Block((MIDDLE_WIDTH,) * 4, halves=False) for _ in range(MIDDLE_BLOCKS)),
            Block((MIDDLE_WIDTH, MIDDLE_WIDTH, 1024)),
        ]
        self.n_blocks = len(blocks)
        for number, block in enumerate(blocks, start=1):
            self.add_module(f"block{number}", block)
        self.conv3, self.bn3 = SeparableConv(1024, 1536), nn.BatchNorm2d(1536)
        self.conv4, self.bn4 = SeparableConv(1536, 2048), nn.BatchNorm2d(2048)
        self.last_linear = nn.Linear(2048, n_classes)

    def features(self, x: Tensor) -> Tensor:
        """Return (n, 2048, h / 32, w / 32), about, after the last ReLU."""
        x = functional.relu(self.bn1(self.conv1(x)))
        x = functional.relu(self.bn2(self.conv2(x)))
        for number in range(1, self.n_blocks + 1):
            x = self.get_submodule(f"block{number}")(x)
        x = functional.relu(self.bn3(self.conv3(x)))
        return functional.relu(self.bn4(self.conv4(x)))

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.last_linear(self.features(x).mean(dim=(2, 3)))
        return logits
