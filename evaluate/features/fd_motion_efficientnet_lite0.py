"""How much each EfficientNet-Lite0 activation changes from frame to frame: an embedded stand-in for FVD's features."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from curate.one_thread import one_thread
from evaluate.features import fd_efficientnet_lite0 as frame_feature
from evaluate.observation import Observation
from evaluate.windows import WINDOW_RULE, windows

WINDOW_FRAMES, MAX_WINDOWS = 16, 4
WEIGHTS = frame_feature.WEIGHTS
PACKAGES = frame_feature.PACKAGES
PROTOCOL = {
    **frame_feature.PROTOCOL,
    "motion": "mean over a window of the absolute difference between each frame's features and the next frame's",
    "windows": WINDOW_RULE.format(n=WINDOW_FRAMES, most=MAX_WINDOWS),
}


def fd_motion_efficientnet_lite0(observation: Observation) -> NDArray[np.float32]:
    """Features (k, 1280), one row a window of 16 frames, at most 4 of them; 0 where nothing moves.

    Frames out of order move more and held frames less; what stays the same over a window cancels (on real clips a
    colour cast weighs a tenth of a shuffle), and so does the direction of time: a clip played backwards gives the same
    numbers. Not FVD and comparable with none: FVD's network sees motion, this one sees pictures one at a time.
    Raises MediaError("too_short") for a video of fewer than 16 frames.
    """
    found = windows(observation, n_frames=WINDOW_FRAMES, max_windows=MAX_WINDOWS, prepare=frame_features)
    return np.stack([motion(np.stack(window)) for window in found])


def frame_features(image: NDArray[np.uint8]) -> NDArray[np.float32]:
    """The (1280,) activations of an (H, W, 3) RGB picture, each in [0, 6]."""
    with torch.inference_mode(), one_thread():
        activations = frame_feature.network().features(frame_feature.preprocess(image))[0]
    return np.asarray(activations.numpy(), np.float32)


def motion(features: NDArray[np.float32]) -> NDArray[np.float32]:
    """Frames' features (n, d) in order -> their mean absolute change from one frame to the next (d,)."""
    return np.asarray(np.abs(np.diff(features, axis=0)).mean(axis=0), np.float32)
