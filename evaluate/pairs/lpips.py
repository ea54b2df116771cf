"""Learned perceptual distance of each generated frame to the real one, on AlexNet."""

from __future__ import annotations

from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray

from curate import weights
from curate.one_thread import one_thread
from evaluate.networks.lpips_alex import LpipsAlex, load_linear
from evaluate.observation import Observation
from evaluate.paired_frames import SIZE_RULE, paired_frames

WEIGHTS = ("alexnet_owt",)
PACKAGES = ("torch", "torchmetrics")
PROTOCOL = {
    "network": "LPIPS v0.1 (Zhang et al. 2018), AlexNet of torchvision, linear weights as torchmetrics carries them",
    "range": "value / 127.5 - 1, RGB",
    "arithmetic": "float32, one frame a call, one thread; mean over frames",
    "size": SIZE_RULE,
}


def lpips(generated: Observation, reference: Observation) -> dict[str, float]:
    """`mean` over frames, 0 for equal pictures to about 1, lower is better, and how many `frames` were met.

    WeightsError without AlexNet's weights or torchmetrics, which carries the linear ones. About 0.1 s a frame.
    """
    network = _network()
    with torch.inference_mode(), one_thread():
        values = [float(network(_input(made), _input(real))[0]) for made, real in paired_frames(generated, reference)]
    return {"mean": float(np.mean(values)), "frames": float(len(values))}


def _input(picture: NDArray[np.uint8]) -> torch.Tensor:
    return torch.from_numpy(picture.astype(np.float32) / 127.5 - 1.0).permute(2, 0, 1)[None].contiguous()


@cache
def _network() -> LpipsAlex:
    network = LpipsAlex()
    backbone = torch.load(weights.path(WEIGHTS[0]), map_location="cpu", weights_only=True)
    features = {key.removeprefix("features."): value for key, value in backbone.items() if key.startswith("features.")}
    network.features.load_state_dict(features, strict=True)
    load_linear(network)
    return network.eval().requires_grad_(False)
