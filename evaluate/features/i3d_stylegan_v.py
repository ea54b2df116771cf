"""Kinetics-400 logits of I3D over a video's first 16 frames, as StyleGAN-V's fvd2048_16f takes them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from evaluate.features.i3d_kinetics400 import PACKAGES as PACKAGES
from evaluate.features.i3d_kinetics400 import PICTURE_PROTOCOL, WINDOW_FRAMES, logits, prepare
from evaluate.features.i3d_kinetics400 import WEIGHTS as WEIGHTS
from evaluate.observation import Observation
from evaluate.windows import windows

PROTOCOL = {**PICTURE_PROTOCOL, "windows": f"one a video: the first {WINDOW_FRAMES} frames of the 25 fps grid"}


def i3d_stylegan_v(observation: Observation) -> NDArray[np.float32]:
    """Logits (1, 400) of the first 16 frames.

    As StyleGAN-V computes its features, with three differences to know of before a number is put beside a printed one:
    they resize data sets to 128 or 256 px first, begin at a random frame in real videos (here at 0, so that the same
    video gives the same number), and use 2048 clips a side. Raises MediaError("too_short") for a shorter video, which
    they drop without a word.
    """
    return np.stack([logits(w) for w in windows(observation, n_frames=WINDOW_FRAMES, max_windows=1, prepare=prepare)])
