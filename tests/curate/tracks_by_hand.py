"""A face track made of given numbers."""

import numpy as np

from curate.tracks import Track


def made_track(n: int, *, first: int = 0, **series: object) -> Track:
    """A whole face that looks into the camera and keeps its mouth closed for n frames, but for what is given."""
    values: dict[str, object] = {
        "boxes": np.tile(np.array([100, 100, 200, 200], np.float32), (n, 1)),
        "points": np.zeros((n, 5, 2), np.float32),
        "pose_deg": np.zeros((n, 3), np.float32),
        "expression": np.zeros((n, 21), np.float32),
        "confidence": np.ones(n, np.float32),
        "completeness": np.ones(n, np.float32),
    } | {
        name: np.zeros(n, np.float32)
        for name in ("rotation_speed_deg", "mouth_aperture", "mouth_width", "eye_openness", "sharpness", "luminance")
    }
    return Track(first=first, fps=25, **(values | series))  # type: ignore[arg-type]
