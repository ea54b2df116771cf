"""Structural similarity of each generated frame to the real one."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from evaluate.observation import Observation
from evaluate.paired_frames import SIZE_RULE, paired_frames

WEIGHTS = ()
PACKAGES = ("opencv-python",)
WINDOW_PX, SIGMA = 11, 1.5
C1, C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
PROTOCOL = {
    "number": "Wang et al. 2004: 11x11 Gaussian window of sigma 1.5, K 0.01 and 0.03, windows inside the picture only, "
    "mean over R, G and B, float64, mean over frames",
    "size": SIZE_RULE,
}

Plane = NDArray[np.float64]


def ssim(generated: Observation, reference: Observation) -> dict[str, float]:
    """`mean` over frames, up to 1 for equal pictures, higher is better, and how many `frames` were met.

    Windows as in the paper and in scikit-image; torchmetrics also averages over those that a mirrored border fills.
    """
    values = [frame_ssim(made, real) for made, real in paired_frames(generated, reference)]
    return {"mean": float(np.mean(values)), "frames": float(len(values))}


def frame_ssim(made: NDArray[np.uint8], real: NDArray[np.uint8]) -> float:
    """Of two pictures (H, W, 3) of at least 11 px a side."""
    a, b = made.astype(np.float64), real.astype(np.float64)
    mean_a, mean_b = _windowed(a), _windowed(b)
    variance_a, variance_b = _windowed(a * a) - mean_a**2, _windowed(b * b) - mean_b**2
    covariance = _windowed(a * b) - mean_a * mean_b
    light = (2 * mean_a * mean_b + C1) / (mean_a**2 + mean_b**2 + C1)
    structure = (2 * covariance + C2) / (variance_a + variance_b + C2)
    return float(np.mean(light * structure))


def _windowed(plane: Plane) -> Plane:
    margin = WINDOW_PX // 2
    blurred = cv2.GaussianBlur(plane, (WINDOW_PX, WINDOW_PX), SIGMA)
    return np.asarray(blurred[margin:-margin, margin:-margin], np.float64)
