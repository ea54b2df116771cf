"""FID's features as pytorch-fid computes them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from evaluate.networks import inception_2015 as network
from evaluate.observation import Observation
from evaluate.resizing import bilinear, planes

WEIGHTS = network.WEIGHTS
PACKAGES = network.PACKAGES
PROTOCOL = {
    **network.PROTOCOL,
    "resize": "torch bilinear (no antialiasing, pixel centres)",
    "range": "2 value / 255 - 1, RGB",
}


def inception_pytorch_fid(observation: Observation) -> NDArray[np.float32]:
    """Features (k, 2048), each at least 0; parity with pytorch-fid 0.3.0."""
    return network.pool3(observation, preprocess=preprocess)


def preprocess(image: NDArray[np.uint8]) -> Tensor:
    """(H, W, 3) RGB -> (1, 3, 299, 299), 2 value / 255 - 1."""
    return 2 * bilinear(planes(image) / 255, size_px=network.INPUT_PX) - 1
