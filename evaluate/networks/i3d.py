"""Inception-I3D (Carreira and Zisserman 2017), whose Kinetics-400 logits are FVD's features."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from curate.errors import WeightsError

CLASSES = 400
MIN_FRAMES, INPUT_PX = 9, 224  # of fewer frames nothing is left at the last pooling
BATCH_NORM_EPS = 1e-3
KINDS = ("convolution", "weight", "bias", "running_mean", "running_var", "logits")
Named = list[tuple[str, Tensor]]

# channels: in, then 1x1 | 1x1 before 3x3, 3x3 | 1x1 before 3x3, 3x3 | 1x1 after pooling
Channels = tuple[int, int, int, int, int, int, int]
MIXED_3: tuple[Channels, ...] = ((192, 64, 96, 128, 16, 32, 32), (256, 128, 128, 192, 32, 96, 64))
MIXED_4: tuple[Channels, ...] = (
    (480, 192, 96, 208, 16, 48, 64),
    (512, 160, 112, 224, 24, 64, 64),
    (512, 128, 128, 256, 24, 64, 64),
    (512, 112, 144, 288, 32, 64, 64),
    (528, 256, 160, 320, 32, 128, 128),
)
MIXED_5: tuple[Channels, ...] = ((832, 256, 160, 320, 32, 128, 128), (832, 384, 192, 384, 48, 128, 128))


def pad_same(x: Tensor, kernel: Sequence[int], stride: Sequence[int]) -> Tensor:
    """Zeros around (n, c, t, h, w) as TensorFlow's "SAME" puts them: an odd one goes to the end."""
    edges: list[int] = []
    for size, k, s in zip(x.shape[:1:-1], kernel[::-1], stride[::-1], strict=True):
        total = max((-(-size // s) - 1) * s + k - size, 0)
        edges += [total // 2, total - total // 2]
    return functional.pad(x, edges)


class Unit(nn.Module):
    """Convolution without bias, batch norm, ReLU."""

    def __init__(self, channels_in: int, channels_out: int, *, kernel: int = 1, stride: int = 1) -> None:
        super().__init__()
        self.conv3d = nn.Conv3d(channels_in, channels_out, kernel, stride=stride, bias=False)
        self.bn = nn.BatchNorm3d(channels_out, eps=BATCH_NORM_EPS)

    def forward(self, x: Tensor) -> Tensor:
        padded = pad_same(x, self.conv3d.kernel_size, self.conv3d.stride)
        return functional.relu(self.bn(self.conv3d(padded)))


class MaxPool(nn.Module):
    """Zeros at the edges lose to what a ReLU lets through, so they stand for TensorFlow's minus infinity."""

    def __init__(self, kernel: tuple[int, int, int], stride: tuple[int, int, int]) -> None:
        super().__init__()
        self.kernel, self.stride = kernel, stride

    def forward(self, x: Tensor) -> Tensor:
        return functional.max_pool3d(pad_same(x, self.kernel, self.stride), self.kernel, self.stride)


class Mixed(nn.Module):
    """Four branches side by side."""

    def __init__(self, channels: Channels) -> None:
        super().__init__()
        channels_in, one, before_a, a, before_b, b, pooled = channels
        self.b0 = Unit(channels_in, one)
        self.b1a, self.b1b = Unit(channels_in, before_a), Unit(before_a, a, kernel=3)
        self.b2a, self.b2b = Unit(channels_in, before_b), Unit(before_b, b, kernel=3)
        self.b3a, self.b3b = MaxPool((3, 3, 3), (1, 1, 1)), Unit(channels_in, pooled)

    def forward(self, x: Tensor) -> Tensor:
        branches = [self.b0(x), self.b1b(self.b1a(x)), self.b2b(self.b2a(x)), self.b3b(self.b3a(x))]
        return torch.cat(branches, dim=1)


class I3D(nn.Module):
    """Videos (n, 3, t, 224, 224), RGB in [-1, 1], t >= 9 -> logits (n, 400): mean over time, before the softmax."""

    def __init__(self) -> None:
        super().__init__()
        self.stages = nn.Sequential(
            Unit(3, 64, kernel=7, stride=2),
            MaxPool((1, 3, 3), (1, 2, 2)),
            Unit(64, 64),
            Unit(64, 192, kernel=3),
            MaxPool((1, 3, 3), (1, 2, 2)),
            *(Mixed(channels) for channels in MIXED_3),
            MaxPool((3, 3, 3), (2, 2, 2)),
            *(Mixed(channels) for channels in MIXED_4),
            MaxPool((2, 2, 2), (2, 2, 2)),
            *(Mixed(channels) for channels in MIXED_5),
            nn.AvgPool3d((2, 7, 7), stride=1),
        )
        self.logits = nn.Conv3d(MIXED_5[-1][1] + MIXED_5[-1][3] + MIXED_5[-1][5] + MIXED_5[-1][6], CLASSES, 1)

    def forward(self, videos: Tensor) -> Tensor:
        scores: Tensor = self.logits(self.stages(videos))
        return scores.mean(dim=(2, 3, 4))


def build_i3d(published: Mapping[str, Tensor]) -> I3D:
    """The network with published tensors, matched by kind, order and shape: ports of I3D name them differently.

    `published` maps dotted names to tensors in the order of registration, which has to be that of the layers (the
    logits' place is free). Batch norms may lack the scale, as in the original. Raises WeightsError for a tensor that
    doesn't fit, is missing or is left over.
    """
    network = I3D()
    wanted, given = _by_kind(network.state_dict()), _by_kind(published)
    if not given["weight"]:
        given["weight"] = [(name, torch.ones_like(value)) for name, value in given["running_mean"]]
    state = {name: value for kind in KINDS for name, value in _matched(kind, wanted[kind], given[kind])}
    network.load_state_dict(state | _counters(network), strict=True)
    return network.eval().requires_grad_(False)


def _by_kind(tensors: Mapping[str, Tensor]) -> dict[str, Named]:
    """The named tensors by KINDS: convolutions, what a batch norm holds, and the last layer; counters are left out."""
    found: dict[str, Named] = {kind: [] for kind in KINDS}
    for name, value in tensors.items():
        last = name.rsplit(".", 1)[-1]
        if last == "num_batches_tracked":
            continue
        kind = "logits" if value.shape[:1] == (CLASSES,) else "convolution" if value.ndim == 5 else last
        if kind not in KINDS:
            raise WeightsError(f"I3D has no tensor like {name} of shape {tuple(value.shape)}")
        found[kind].append((name, value))
    return found


def _counters(network: I3D) -> dict[str, Tensor]:
    """How many batches each norm has seen in training: of no use here, and not in every file."""
    return {name: value for name, value in network.state_dict().items() if name.endswith("num_batches_tracked")}


def _matched(kind: str, wanted: Named, given: Named) -> Iterator[tuple[str, Tensor]]:
    if len(wanted) != len(given):
        raise WeightsError(f"I3D has {len(wanted)} tensors of the kind {kind}, the file {len(given)}")
    for (ours, place), (theirs, value) in zip(wanted, given, strict=True):
        if place.shape != value.shape:
            raise WeightsError(f"{theirs} has the shape {tuple(value.shape)}, I3D's {ours} {tuple(place.shape)}")
        yield ours, value.float()
