"""Video features of VideoMAE over windows of 16 frames, which see motion where I3D sees mostly content."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from curate.one_thread import one_thread
from evaluate.networks.pretrained_folder import load_pretrained, normalised
from evaluate.observation import Observation
from evaluate.windows import WINDOW_RULE, windows

WINDOW_FRAMES, MAX_WINDOWS, INPUT_PX = 16, 4, 224
WEIGHTS = ("videomae_base_ssv2",)
PACKAGES = ("torch", "transformers", "pillow")
PROTOCOL = {
    "network": "VideoMAE ViT-B fine-tuned on Something-Something v2, of transformers; mean of tokens after the norm",
    "picture": "whole frame, centre square",
    "resize": f"PIL bilinear (antialiased) to {INPUT_PX}x{INPUT_PX}, uint8",
    "range": "ImageNet's mean and deviation, RGB",
    "windows": WINDOW_RULE.format(n=WINDOW_FRAMES, most=MAX_WINDOWS),
    "arithmetic": "float32, one window a call, one thread",
}


def videomae(observation: Observation) -> NDArray[np.float32]:
    """Features (k, 768), one row a window of 16 frames, at most 4 of them spread over the video.

    The idea is that of content-debiased FVD (Ge et al. 2024), which uses the giant network on windows from the start:
    other weights, so not comparable with its numbers. Needs the extra `features` and the folder of the weights.
    Raises MediaError("too_short") for a video of fewer than 16 frames.
    """
    found = windows(observation, n_frames=WINDOW_FRAMES, max_windows=MAX_WINDOWS, prepare=_prepare)
    return np.stack([_features(window) for window in found])


def _prepare(image: NDArray[np.uint8]) -> Tensor:
    return normalised(image, INPUT_PX, Image.Resampling.BILINEAR)


def _features(window: Sequence[Tensor]) -> NDArray[np.float32]:
    network = _network()
    with torch.inference_mode(), one_thread():
        tokens = network.videomae(torch.stack(list(window))[None]).last_hidden_state
        pooled = network.fc_norm(tokens.mean(dim=1))[0]
    return np.asarray(pooled.numpy(), np.float32)


@cache
def _network() -> Any:
    return load_pretrained("VideoMAEForVideoClassification", WEIGHTS[0])
