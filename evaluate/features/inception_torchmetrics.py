"""FID's features as torchmetrics computes them by default since 1.8."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from evaluate.networks import inception_2015 as network
from evaluate.observation import Observation
from evaluate.resizing import bilinear_antialiased, planes

WEIGHTS = network.WEIGHTS
PACKAGES = network.PACKAGES
PROTOCOL = {
    **network.PROTOCOL,
    "resize": "torch bilinear, antialiased (pixel centres)",
    "range": "(value - 128) / 128, RGB",
}


def inception_torchmetrics(observation: Observation) -> NDArray[np.float32]:
    """Features (k, 2048), each at least 0; parity with torchmetrics 1.9 at its default antialias=True."""
    return network.pool3(observation, preprocess=preprocess)


def preprocess(image: NDArray[np.uint8]) -> Tensor:
    """(H, W, 3) RGB -> (1, 3, 299, 299), (value - 128) / 128."""
    return (bilinear_antialiased(planes(image), size_px=network.INPUT_PX) - 128) / 128
