"""Whole-frame appearance features of DINOv2, which heed what is shown more than texture."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from curate.one_thread import one_thread
from evaluate.networks.pretrained_folder import load_pretrained, normalised
from evaluate.observation import Observation

INPUT_PX = 224
WEIGHTS = ("dinov2_large",)
PACKAGES = ("torch", "transformers", "pillow")
PROTOCOL = {
    "network": "DINOv2 ViT-L/14 of transformers, class token after the last norm",
    "picture": "whole frame, centre square",
    "resize": f"PIL bicubic (antialiased) to {INPUT_PX}x{INPUT_PX}, uint8",
    "range": "ImageNet's mean and deviation, RGB",
    "arithmetic": "float32, one frame a call, one thread",
}


def dinov2(observation: Observation) -> NDArray[np.float32]:
    """Features (k, 1024) of the k chosen frames.

    The network of FD-DINOv2 (Stein et al. 2023), whose numbers are of single pictures, 50,000 a side: no distance
    between a few videos' frames compares with one. Needs the extra `features` and the folder of the weights.
    """
    return np.stack([_features(picture.image) for picture in observation.pictures])


def _features(image: NDArray[np.uint8]) -> NDArray[np.float32]:
    with torch.inference_mode(), one_thread():
        tokens = _network()(normalised(image, INPUT_PX, Image.Resampling.BICUBIC)[None]).last_hidden_state
    return np.asarray(tokens[0, 0].numpy(), np.float32)


@cache
def _network() -> Any:
    return load_pretrained("Dinov2Model", WEIGHTS[0])
