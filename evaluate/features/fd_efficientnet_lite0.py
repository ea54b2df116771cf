"""Whole-frame appearance features of EfficientNet-Lite0: a small, embedded stand-in for Inception, never called FID."""

from __future__ import annotations

from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from curate import weights
from curate.one_thread import one_thread
from evaluate.networks.efficientnet_lite0 import EfficientNetLite0
from evaluate.observation import Observation

INPUT_PX = 224
WEIGHTS = ("efficientnet_lite0",)
PACKAGES = ("torch", "pillow")
PROTOCOL = {
    "network": "EfficientNet-Lite0, globally averaged last activations, 1280-d",
    "picture": "whole frame, centre square",
    "resize": f"PIL bicubic (antialiased) to {INPUT_PX}x{INPUT_PX}, uint8",
    "range": "(value - 127) / 128, RGB",
    "arithmetic": "float32, one frame a call, one thread",
}


def fd_efficientnet_lite0(observation: Observation) -> NDArray[np.float32]:
    """Features (k, 1280) of the k chosen frames, each value in [0, 6].

    Frames go through one at a time and on one thread: on a CPU that is faster than a batch, and no batch size or core
    count can change a bit. Weights: efficientnet-lite0 of ml-illustrated, converted from the official TensorFlow ones.
    """
    with torch.inference_mode(), one_thread():
        rows = [network().features(preprocess(picture.image))[0].numpy() for picture in observation.pictures]
    return np.stack(rows).astype(np.float32)


def preprocess(image: NDArray[np.uint8]) -> torch.Tensor:
    """An (H, W, 3) RGB picture as the network's input (1, 3, 224, 224): centre square, bicubic, (value - 127) / 128."""
    height, width = image.shape[:2]
    side = min(height, width)
    left, top = (width - side) // 2, (height - side) // 2
    square = Image.fromarray(image).crop((left, top, left + side, top + side))
    small = np.array(square.resize((INPUT_PX, INPUT_PX), Image.Resampling.BICUBIC), np.float32)
    return torch.from_numpy((small - 127.0) / 128.0).permute(2, 0, 1)[None].contiguous()


@cache
def network() -> EfficientNetLite0:
    """The network with its published weights, loaded once; WeightsError when they are missing."""
    loaded = EfficientNetLite0()
    loaded.load_state_dict(torch.load(weights.path(WEIGHTS[0]), weights_only=True), strict=True)
    return loaded.eval().requires_grad_(False)
