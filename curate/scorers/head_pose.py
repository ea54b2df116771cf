"""Where the head points, and how fast it turns."""

from typing import TypedDict

import numpy as np

from curate.clip_media import ClipMedia


class HeadPose(TypedDict):
    """Degrees; the first three are the 95th percentile of the angle's size, the last a mean of degrees a frame."""

    yaw_deg: float
    pitch_deg: float
    roll_deg: float
    rotation_speed_deg: float


def head_pose(media: ClipMedia) -> HeadPose:
    """Return how far the head turns from the camera (0 to 90) and its mean rotation speed (0 to about 5)."""
    yaw, pitch, roll = np.percentile(np.abs(media.track.pose_deg), 95, axis=0)
    return {
        "yaw_deg": float(yaw),
        "pitch_deg": float(pitch),
        "roll_deg": float(roll),
        "rotation_speed_deg": float(media.track.rotation_speed_deg.mean()),
    }
