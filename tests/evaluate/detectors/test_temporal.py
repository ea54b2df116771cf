"""Temporal: tracks whose motion is known give the numbers that follow from it."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from curate.tracks import Track
from evaluate.detection.detector import Abstention
from evaluate.detectors.temporal import fit, observe, statistics, temporal
from evaluate.observation import Observation

FPS, N = 25, 200
FACE = np.array([[30, 40], [70, 40], [50, 60], [35, 80], [65, 80]], np.float32)  # eyes 40 px apart


def still(n: int = N, **changed: Any) -> Track:
    """A face that does not move at all, but for what is `changed`."""
    series: dict[str, Any] = {
        "boxes": np.tile(np.array([20, 20, 80, 100], np.float32), (n, 1)),
        "points": np.tile(FACE, (n, 1, 1)),
        "pose_deg": np.zeros((n, 3), np.float32),
        "expression": np.zeros((n, 21), np.float32),
        "eye_openness": np.full(n, 0.3, np.float32),
        "luminance": np.full(n, 120.0, np.float32),
        "sharpness": np.full(n, 200.0, np.float32),
    }
    for name in ("rotation_speed_deg", "mouth_aperture", "mouth_width", "confidence", "completeness"):
        series[name] = np.zeros(n, np.float32)
    return Track(first=0, fps=FPS, **(series | changed))


def nodding(hz: float) -> NDArray[np.float32]:
    pose = np.zeros((N, 3), np.float32)
    pose[:, 1] = 10 * np.sin(2 * np.pi * hz * np.arange(N) / FPS)
    return pose


def observed(track: Track) -> Observation:
    observation = Observation(media=b"", max_frames=None)
    observation.__dict__["track"] = track
    return observation


def test_a_still_face_neither_trembles_nor_moves() -> None:
    found = statistics(still())
    for name, value in found.items():
        assert value == pytest.approx(-6 if "trembling" in name or "flicker" in name else 0, abs=1e-6), name


def test_trembling_is_that_of_the_noise_and_the_size_of_the_face_is_no_matter() -> None:
    """The second differences of white noise have six times its variance."""
    noise = np.random.default_rng(0).normal(0, 0.4, (N, 5, 2)).astype(np.float32)  # a hundredth of the eyes' distance
    small = statistics(still(points=FACE + noise))
    large = statistics(still(points=4 * (FACE + noise)))
    for name in ("eyes_trembling", "nose_trembling", "lips_trembling"):
        assert small[name] == pytest.approx(np.log10(0.01 * np.sqrt(6)), abs=0.07)
        assert large[name] == pytest.approx(small[name], abs=1e-4)


def test_a_face_that_trembles_as_a_whole_does_not_tremble_apart() -> None:
    shake = np.random.default_rng(1).normal(0, 0.4, (N, 1, 2)).astype(np.float32)
    found = statistics(still(points=FACE + shake))
    assert found["points_trembling_apart"] < -5 < -2 < found["nose_trembling"]


@pytest.mark.parametrize(("hz", "share"), [(1.0, 0.0), (6.0, 1.0)])
def test_nodding_is_slow_or_quick(hz: float, share: float) -> None:
    found = statistics(still(pose_deg=nodding(hz)))
    assert found["pitch_quick_share"] == pytest.approx(share, abs=0.01)
    assert found["pitch_range"] == pytest.approx(20, abs=0.5)
    assert found["yaw_range"] == 0


def test_blinks_are_counted_by_the_second() -> None:
    openness = np.full(N, 0.3, np.float32)
    for start in (20, 70, 120, 170):
        openness[start : start + 5] = 0.1
    assert statistics(still(eye_openness=openness))["blinks_per_s"] == pytest.approx(4 / 8)


def test_under_two_seconds_it_abstains() -> None:
    with pytest.raises(Abstention, match=r"too_short: the face is seen for 1\.9 s"):
        observe(observed(still(48)))
    assert len(observe(observed(still(50)))) == len(statistics(still()))


def test_faces_that_tremble_are_learnt() -> None:
    def faces(sigma: float, seeds: range) -> list[Track]:
        drawn = (np.random.default_rng(seed).normal(0, sigma, (N, 5, 2)) for seed in seeds)
        return [still(points=(FACE + noise).astype(np.float32)) for noise in drawn]

    seen = [observe(observed(track)) for track in faces(0.1, range(6)) + faces(0.4, range(6, 12))]
    model = fit(seen, np.arange(12) >= 6, 0)
    steady, trembling = faces(0.1, range(20, 21)) + faces(0.4, range(21, 22))
    assert temporal(observed(steady), model=model) < 0.2 < 0.8 < temporal(observed(trembling), model=model)


def test_a_video_gives_finite_numbers(face_video: Path, face_weights: None) -> None:
    assert np.isfinite(observe(Observation(media=face_video, max_frames=1))).all()
