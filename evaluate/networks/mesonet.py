"""MesoNet's two networks (Afchar et al. 2018, arXiv 1809.00888), and their published Keras weights."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from curate import weights
from curate.errors import WeightsError
from curate.one_thread import one_thread

INPUT_PX = 256
BATCH_NORM_EPS = 1e-3  # Keras' default, as are the shapes' order and the padding "same"
LEAK = 0.1
NUMBERED = re.compile(r"(conv2d|batch_normalization|dense)(?:_(\d+))?")
WEIGHTED = {"weight": "kernel", "bias": "bias"}
NORMED = {"weight": "gamma", "bias": "beta", "running_mean": "moving_mean", "running_var": "moving_variance"}
# Keras' name of a kind of layer -> ours, and the names of its tensors: ours, Keras'
KINDS: dict[str, tuple[type[nn.Module], dict[str, str]]] = {
    "conv2d": (nn.Conv2d, WEIGHTED),
    "batch_normalization": (nn.BatchNorm2d, NORMED),
    "dense": (nn.Linear, WEIGHTED),
}


class Unit(nn.Module):
    """Convolution, ReLU; the size stays."""

    def __init__(self, channels_in: int, channels_out: int, *, kernel: int = 1, dilation: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels_in, channels_out, kernel, padding="same", dilation=dilation)

    def forward(self, x: Tensor) -> Tensor:
        return functional.relu(self.conv(x))


class Inception(nn.Module):
    """Four branches side by side: 1x1, and 1x1 before a 3x3 of dilation 1, 2 and 3."""

    def __init__(self, channels_in: int, channels: tuple[int, int, int, int]) -> None:
        super().__init__()
        self.branches = nn.ModuleList([Unit(channels_in, channels[0])])
        for dilation, width in enumerate(channels[1:], start=1):
            self.branches.append(
                nn.Sequential(Unit(channels_in, width), Unit(width, width, kernel=3, dilation=dilation))
            )

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([branch(x) for branch in self.branches], dim=1)


class MesoNet(nn.Module):
    """Pictures (n, 3, 256, 256), RGB in [0, 1] -> (n,) logits of being *real*, MesoNet's class 1.

    `stages` are four layers with their widths; each is followed by batch norm and pooling.
    """

    def __init__(self, stages: tuple[tuple[nn.Module, int], ...]) -> None:
        super().__init__()
        pools = (2, 2, 2, 4)
        self.stages = nn.Sequential(
            *(
                nn.Sequential(layer, nn.BatchNorm2d(width, eps=BATCH_NORM_EPS), nn.MaxPool2d(pool))
                for (layer, width), pool in zip(stages, pools, strict=True)
            )
        )
        self.hidden = nn.Linear(stages[-1][1] * (INPUT_PX // 32) ** 2, 16)
        self.output = nn.Linear(16, 1)

    def forward(self, pictures: Tensor) -> Tensor:
        flat = self.stages(pictures).permute(0, 2, 3, 1).flatten(1)  # Keras flattens with the channels last
        logits: Tensor = self.output(functional.leaky_relu(self.hidden(flat), LEAK))
        return logits.flatten()


def build_meso4() -> MesoNet:
    """Four plain convolutions, random.

    The published file was saved from a graph without a layer of its own for the leaky ReLU, which the published code
    has; this follows the code, as everyone does who uses it.
    """
    return MesoNet(
        (
            (Unit(3, 8, kernel=3), 8),
            (Unit(8, 8, kernel=5), 8),
            (Unit(8, 16, kernel=5), 16),
            (Unit(16, 16, kernel=5), 16),
        )
    )


def build_mesoinception4() -> MesoNet:
    """Two inception layers and two plain convolutions, random."""
    return MesoNet(
        (
            (Inception(3, (1, 4, 4, 2)), 11),
            (Inception(11, (2, 4, 4, 2)), 12),
            (Unit(12, 16, kernel=5), 16),
            (Unit(16, 16, kernel=5), 16),
        )
    )


@cache
def load_mesonet(name: str) -> MesoNet:
    """The network of the weights `name`, ready to be run; WeightsError without the file or h5py."""
    network = build_mesoinception4() if name == "mesoinception_df" else build_meso4()
    read_weights(network, weights.path(name))
    return network.eval().requires_grad_(False)


def probability_of_synthetic(network: MesoNet, pictures: NDArray[np.uint8]) -> float:
    """Mean over pictures (n, 256, 256, 3) uint8 RGB.

    From the logits in double precision: one less the published output is 0 for every picture that looks quite real.
    """
    batch = torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 255
    with torch.inference_mode(), one_thread():
        return float(torch.sigmoid(-network(batch).double()).mean())


def read_weights(network: MesoNet, file: Path) -> None:
    """Fill the network with a Keras weights file (HDF5, read as arrays and nothing else).

    Keras numbers layers of a kind in the order in which they were made, from any number on, and writes them in another:
    so they are paired by number. Raises WeightsError for layers too many or too few, and for tensors that are missing
    or have another shape.
    """
    try:
        import h5py
    except ImportError as error:
        raise WeightsError("MesoNet's weights need h5py; install it with: pip install 'emoforge[detect]'") from error
    try:
        with h5py.File(file, "r") as held:
            state = dict(_paired(network, held, file))
    except OSError as error:
        raise WeightsError(f"{file} is no HDF5 file of Keras weights: {error}") from error
    network.load_state_dict(state, strict=False)  # all but the norms' counters of batches, which nothing reads


def _paired(network: MesoNet, held: Any, file: Path) -> Iterator[tuple[str, Tensor]]:
    """Every tensor of the network under its own name, as the file has it."""
    layers = _layers_by_kind(held, file)
    for kind, (of_ours, tensors) in KINDS.items():
        ours = [(name, module) for name, module in network.named_modules() if isinstance(module, of_ours)]
        theirs = layers[kind]
        if len(ours) != len(theirs):
            raise WeightsError(f"{file} holds {len(theirs)} layers of the kind {kind}, the network has {len(ours)}")
        for (name, module), layer in zip(ours, theirs, strict=True):
            for our_tensor, their_tensor in tensors.items():
                wanted = tuple(getattr(module, our_tensor).shape)
                yield f"{name}.{our_tensor}", _tensor(held, f"{layer}/{layer}/{their_tensor}:0", wanted, file)


def _layers_by_kind(held: Any, file: Path) -> dict[str, list[str]]:
    """The names of the file's layers that hold tensors, each kind in the order of its numbers."""
    found: dict[str, list[tuple[int, str]]] = {kind: [] for kind in KINDS}
    for layer, content in held.items():
        if not len(content):
            continue
        match = NUMBERED.fullmatch(layer)
        if match is None:
            raise WeightsError(f"{file} holds a layer {layer!r}, which MesoNet has not")
        found[match[1]].append((int(match[2] or 0), layer))
    return {kind: [layer for _, layer in sorted(numbered)] for kind, numbered in found.items()}


def _tensor(held: Any, place: str, wanted: tuple[int, ...], file: Path) -> Tensor:
    """One array with its axes in torch's order: (height, width, in, out) and (in, out) are turned about."""
    try:
        stored = held[place]
    except KeyError as error:
        raise WeightsError(f"{file} lacks {place}") from error
    axes = {4: (3, 2, 0, 1), 2: (1, 0), 1: (0,)}.get(len(stored.shape), ())
    shape = tuple(stored.shape[axis] for axis in axes)
    if shape != wanted:
        raise WeightsError(f"{place} of {file} has the shape {stored.shape}, which is not the network's {wanted}")
    return torch.from_numpy(np.asarray(stored, np.float32).transpose(axes).copy())
