"""Whether the generated mouth opens when the real one does."""

from __future__ import annotations

import numpy as np

from curate.errors import MediaError
from evaluate.observation import FACE_WEIGHTS, Observation

WEIGHTS = FACE_WEIGHTS
PACKAGES = ("ai-edge-litert", "opencv-python")
MIN_FRAMES = 25  # a second
PROTOCOL = {
    "number": "Pearson's correlation of the two faces' mouth apertures (inner lips over face height), frame by "
    "frame of the 25 fps grid, where both are tracked; 0 where one of them never moves",
    "least": f"{MIN_FRAMES} common frames",
}


def mouth_correlation(generated: Observation, reference: Observation) -> dict[str, float]:
    """`r` in [-1, 1], higher is better, 1 for equal mouths; how many `frames` both show it on.

    How far the mouth opens does not count, only when: `spread` says it, generated over real, 1 for equal.
    """
    made, real = generated.track, reference.track
    first, last = max(made.first, real.first), min(made.first + len(made), real.first + len(real))
    apertures = [track.mouth_aperture[first - track.first : max(0, last - track.first)] for track in (made, real)]
    ours, theirs = (values.astype(np.float64) for values in apertures)
    both = np.isfinite(ours) & np.isfinite(theirs)
    if both.sum() < MIN_FRAMES:
        raise MediaError("too_short", f"both videos show the tracked face on {both.sum()} frames, under {MIN_FRAMES}")
    ours, theirs = ours[both], theirs[both]
    spreads = float(ours.std()), float(theirs.std())
    r = float(np.corrcoef(ours, theirs)[0, 1]) if min(spreads) > 0 else 0.0
    return {"r": r, "spread": spreads[0] / spreads[1] if spreads[1] else 0.0, "frames": float(both.sum())}
