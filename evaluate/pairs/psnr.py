"""Peak signal-to-noise ratio of each generated frame against the real one."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from evaluate.observation import Observation
from evaluate.paired_frames import SIZE_RULE, paired_frames

WEIGHTS = ()
PACKAGES = ("opencv-python",)
HIGHEST_DB = 100.0  # of equal pictures, whose ratio has no bound
PROTOCOL = {
    "number": f"10 log10(255^2 / mean squared error over RGB), at most {HIGHEST_DB:.0f} dB, mean over frames",
    "size": SIZE_RULE,
}


def psnr(generated: Observation, reference: Observation) -> dict[str, float]:
    """`mean` over frames, dB (20 to 40, higher is better, 100 for equal pictures), and how many `frames` were met."""
    values = [frame_psnr(made, real) for made, real in paired_frames(generated, reference)]
    return {"mean": float(np.mean(values)), "frames": float(len(values))}


def frame_psnr(made: NDArray[np.uint8], real: NDArray[np.uint8]) -> float:
    """Of two pictures of one shape, dB."""
    error = float(np.mean((made.astype(np.float64) - real) ** 2))
    return min(HIGHEST_DB, 10 * float(np.log10(255**2 / error))) if error else HIGHEST_DB
