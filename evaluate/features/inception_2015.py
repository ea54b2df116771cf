"""FID's features as torch-fidelity computes them, which is as TensorFlow did: the default, and those of KID."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from evaluate.networks import inception_2015 as network
from evaluate.observation import Observation
from evaluate.resizing import bilinear_tensorflow1, planes

WEIGHTS = network.WEIGHTS
PACKAGES = network.PACKAGES
PROTOCOL = {
    **network.PROTOCOL,
    "resize": "bilinear as TensorFlow 1 (no antialiasing, pixel corners)",
    "range": "(value - 128) / 128, RGB",
}


def inception_2015(observation: Observation) -> NDArray[np.float32]:
    """Features (k, 2048), each at least 0; parity with torch-fidelity 0.4.0, and torchmetrics with antialias=False."""
    return network.pool3(observation, preprocess=preprocess)


def preprocess(image: NDArray[np.uint8]) -> Tensor:
    """(H, W, 3) RGB -> (1, 3, 299, 299), (value - 128) / 128."""
    return (bilinear_tensorflow1(planes(image), size_px=network.INPUT_PX) - 128) / 128
