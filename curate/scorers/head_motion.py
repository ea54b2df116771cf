"""How far the head moves about."""

from typing import TypedDict

import numpy as np

from curate.clip_media import ClipMedia


class HeadMotion(TypedDict):
    """Degrees between the 5th and the 95th percentile over time, of each angle; `range_deg` is the root of the sum of
    their squares: under 3 for a head that is held still, 10 to 40 for a speaker."""

    yaw_deg: float
    pitch_deg: float
    roll_deg: float
    range_deg: float


def head_motion(media: ClipMedia) -> HeadMotion:
    """Return the range of each angle of the head; how fast it turns is head_pose's rotation_speed_deg."""
    low, high = np.percentile(media.track.pose_deg, (5, 95), axis=0)
    yaw, pitch, roll = (float(angle) for angle in high - low)
    return {
        "yaw_deg": yaw,
        "pitch_deg": pitch,
        "roll_deg": roll,
        "range_deg": float(np.hypot(np.hypot(yaw, pitch), roll)),
    }
