"""FID's Inception (TensorFlow's graph of 2015-12-05) up to pool3, run through torch-fidelity's network."""

from __future__ import annotations

import io
from collections import OrderedDict
from collections.abc import Callable, Mapping
from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from curate import weights
from curate.errors import WeightsError
from curate.one_thread import one_thread
from evaluate.observation import Observation

INPUT_PX = 299
WEIGHTS = ("inception_2015",)
PACKAGES = ("torch", "torch-fidelity", "pillow")
PROTOCOL = {
    "network": "Inception of TensorFlow 2015-12-05 (torch-fidelity's port), pool3, 2048-d",
    "picture": "whole frame, squeezed to a square",
    "arithmetic": "float32, one frame a call, one thread",
}

LAYERS = (
    # those before the classifier, in the order of torch-fidelity's forward
    *("Conv2d_1a_3x3", "Conv2d_2a_3x3", "Conv2d_2b_3x3", "MaxPool_1", "Conv2d_3b_1x1", "Conv2d_4a_3x3", "MaxPool_2"),
    *("Mixed_5b", "Mixed_5c", "Mixed_5d", "Mixed_6a", "Mixed_6b", "Mixed_6c", "Mixed_6d", "Mixed_6e"),
    *("Mixed_7a", "Mixed_7b", "Mixed_7c", "AvgPool"),
)

Preprocess = Callable[[NDArray[np.uint8]], Tensor]
"""(H, W, 3) uint8 RGB -> (1, 3, 299, 299) float32 in about [-1, 1]."""


def pool3(observation: Observation, *, preprocess: Preprocess) -> NDArray[np.float32]:
    """Features (k, 2048), each at least 0, of the frames that the protocol asks for, one frame a call."""
    network = load_inception_2015()
    with torch.inference_mode(), one_thread():
        rows = [network(preprocess(picture.image)).flatten().numpy() for picture in observation.chosen()]
    return np.stack(rows)


@cache
def load_inception_2015() -> nn.Sequential:
    """The network with the published weights; WeightsError when they, or torch-fidelity, are missing."""
    return build_inception_2015(published_state())


def build_inception_2015(state: Mapping[str, Tensor]) -> nn.Sequential:
    """(n, 3, 299, 299) in [-1, 1] -> (n, 2048, 1, 1), with a state dict of the published keys and shapes.

    WeightsError names the keys that are missing, unexpected or of another shape.
    """
    network = build_extractor(state)
    layers = nn.Sequential(OrderedDict((name, getattr(network, name)) for name in LAYERS))
    return layers.to(memory_format=torch.channels_last)  # on a CPU a fifth faster


def build_extractor(state: Mapping[str, Tensor]) -> nn.Module:
    """torch-fidelity's own extractor: (n, 3, H, W) uint8 -> ((n, 2048),), resizing as it does.

    It reads its weights with a full unpickler, so it is never given a file from outside, but what was read safely,
    written again in memory.
    """
    safe = io.BytesIO()
    torch.save(dict(state), safe)
    safe.seek(0)
    extractor = _extractor_class()
    try:
        return extractor("inception-v3-compat", ["2048"], feature_extractor_weights_path=safe)
    except RuntimeError as error:
        raise WeightsError(f"these are not the weights of FID's Inception: {error}") from error


def published_state() -> dict[str, Tensor]:
    """The published weights, read without unpickling anything but tensors; WeightsError when they are missing."""
    state: dict[str, Tensor] = torch.load(weights.path(WEIGHTS[0]), map_location="cpu", weights_only=True)
    return state


def _extractor_class() -> Callable[..., nn.Module]:
    try:
        from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3
    except ImportError as error:
        raise WeightsError(f"FID's Inception needs torch-fidelity: pip install 'emoforge[fid]' ({error})") from error
    extractor: Callable[..., nn.Module] = FeatureExtractorInceptionV3
    return extractor
