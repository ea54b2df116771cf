"""How a face moves over time: trembling of its landmarks, blinks, lips, and the way the head is carried."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from curate.tracks import Track
from evaluate.blinks import blinks
from evaluate.detection.classifiers import fit_boosted_trees
from evaluate.detection.detector import Abstention, Model, Values
from evaluate.observation import FACE_WEIGHTS, Observation

WEIGHTS = FACE_WEIGHTS
READS = ("picture",)
MIN_S = 2.0
QUICK_HZ = 3.0  # heads are carried slower than this; what is left above it is trembling, of the face or of the mesh
POINTS = {"eyes": (0, 1), "nose": (2,), "lips": (3, 4)}
ANGLES = ("yaw", "pitch", "roll")
Series = NDArray[np.float64]


def temporal(observation: Observation, *, model: Model) -> float:
    """Probability of synthetic by statistics of the face track and gradient boosting.

    The mesh's eyelids hardly follow a blink, so its counts are low. A frame rate that was converted shows as trembling:
    believe it on matched clips only, and look at the shortcut probe's fps.
    """
    return model(observe(observation))


def observe(observation: Observation) -> Values:
    """The numbers of `statistics`, in its order; Abstention for a face seen for less than 2 s."""
    track = observation.track
    if len(track) < MIN_S * track.fps:
        seen_s = len(track) / track.fps
        raise Abstention(
            f"too_short: the face is seen for {seen_s:.1f} s, and it takes {MIN_S:.0f} s to tell how it moves"
        )
    return np.asarray(list(statistics(track).values()), np.float32)


def fit(observations: Sequence[Values], is_fake: NDArray[np.bool_], seed: int) -> Model:
    """Fit the trees, of which each sees a part of the examples drawn by `seed`; Abstention with under 3 of a class."""
    return fit_boosted_trees(observations, is_fake, seed=seed)


def statistics(track: Track) -> dict[str, float]:
    """Numbers of a track by name; how large the face is and how long the video do not enter."""
    eye_distance = float(np.median(np.linalg.norm(track.points[:, 0] - track.points[:, 1], axis=1))) + 1e-9
    points = track.points.astype(np.float64) / eye_distance
    found: dict[str, float] = {}
    for name, chosen in POINTS.items():
        found[f"{name}_trembling"] = _trembling(points[:, chosen].reshape(len(points), -1))
    found["points_trembling_apart"] = _trembling((points - points.mean(axis=1, keepdims=True)).reshape(len(points), -1))
    for name, angle in zip(ANGLES, track.pose_deg.T.astype(np.float64), strict=True):
        found |= _motion(name, angle, track.fps)
    found["rotation_speed"] = float(np.mean(track.rotation_speed_deg))
    found["rotation_speed_p95"] = float(np.percentile(track.rotation_speed_deg, 95))
    for name, series in (("aperture", track.mouth_aperture), ("mouth_width", track.mouth_width)):
        found |= _motion(name, series.astype(np.float64), track.fps)
    found |= _motion("eyes", track.eye_openness.astype(np.float64), track.fps)
    found["blinks_per_s"] = blinks(_closed(track.eye_openness)) * track.fps / len(track)
    found["flicker"] = _relative_trembling(track.luminance)
    found["sharpness_flicker"] = _relative_trembling(track.sharpness)
    return found


def _trembling(paths: Series) -> float:
    """Log10 of the root mean square of (F, d) paths' second differences: what no smooth motion has."""
    return float(np.log10(np.sqrt(np.mean(np.diff(paths, n=2, axis=0) ** 2)) + 1e-6))


def _relative_trembling(series: NDArray[np.float32]) -> float:
    return _trembling(series[:, None].astype(np.float64) / (float(np.mean(series)) + 1e-9))


def _motion(name: str, series: Series, fps: int) -> dict[str, float]:
    """Range, and the share of the variance above QUICK_HZ, of (F,) numbers."""
    low, high = np.percentile(series, (5, 95))
    window = np.hanning(len(series) + 2)[1:-1]
    power = np.abs(np.fft.rfft((series - series.mean()) * window)) ** 2
    quick = np.fft.rfftfreq(len(series), 1 / fps) > QUICK_HZ
    return {
        f"{name}_range": float(high - low),
        f"{name}_quick_share": float(power[quick].sum() / (power.sum() + 1e-12)),
    }


def _closed(openness: NDArray[np.float32]) -> NDArray[np.float32]:
    """How far the eyes are closed: 0 at their usual opening, 1 shut."""
    usual = float(np.median(openness)) + 1e-9
    return np.asarray(np.clip(1 - openness / np.float32(usual), 0, 1), np.float32)
