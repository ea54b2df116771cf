"""FID's features as clean-fid computes them in its mode `clean`."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from evaluate.networks import inception_2015 as network
from evaluate.observation import Observation
from evaluate.resizing import bicubic_pillow

WEIGHTS = network.WEIGHTS
PACKAGES = network.PACKAGES
PROTOCOL = {
    **network.PROTOCOL,
    "resize": "Pillow bicubic, antialiased, float per channel, clipped to 0..255",
    "range": "(value - 128) / 128, RGB",
}


def inception_clean_fid(observation: Observation) -> NDArray[np.float32]:
    """Features (k, 2048), each at least 0; parity with clean-fid 0.1.35 on the same network."""
    return network.pool3(observation, preprocess=preprocess)


def preprocess(image: NDArray[np.uint8]) -> Tensor:
    """(H, W, 3) RGB -> (1, 3, 299, 299), (value - 128) / 128."""
    return (bicubic_pillow(image, size_px=network.INPUT_PX) - 128) / 128
