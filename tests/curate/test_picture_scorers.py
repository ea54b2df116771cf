"""Scorers of drift, freezes, seams and motion: series made by hand, and real clips that were spoilt in known ways."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from curate.analysis import analyse
from curate.clip_media import ClipMedia, clip_media
from curate.media import read_frames
from curate.media_writing import write_video
from curate.picture_series import PictureSeries, own_fps
from curate.scorers.colour_drift import colour_drift
from curate.scorers.expression_diversity import expression_diversity
from curate.scorers.frozen_frames import frozen_frames
from curate.scorers.head_motion import head_motion
from curate.scorers.seam_score import seam_score
from curate.scorers.sharpness_drift import sharpness_drift
from tests.curate.tracks_by_hand import made_track

Picture = NDArray[np.uint8]
Change = Callable[[Picture, float], Picture]


def clip(n: int = 100, *, series: PictureSeries | None = None, **track: object) -> ClipMedia:
    media = ClipMedia(
        source=b"",
        track=made_track(n, **track),
        faces_per_frame=np.ones(n, np.int16),
        camera_speed=np.zeros(n, np.float32),
        width=640,
        height=360,
    )
    if series is not None:
        vars(media)["picture_series"] = series  # a cached property, here known already
    return media


def changing(change: Sequence[float] | NDArray[np.float64]) -> ClipMedia:
    """A clip whose pictures differ so much from one to the next."""
    values = np.asarray(change, np.float64)
    series = PictureSeries(fps=25, colour=np.zeros((len(values) + 1, 3)), change=values, coarse_change=values)
    return clip(len(values) + 1, series=series)


def test_each_picture_of_a_video_is_looked_at_once() -> None:
    assert [own_fps(fps, default=25) for fps in (23.976, 29.97, 12.0, None, 0.0, 240.0)] == [24, 30, 12, 25, 25, 60]


def test_a_picture_that_is_shown_twice_is_frozen() -> None:
    assert frozen_frames(changing([0.0, 2.0, 0.01, 2.0])) == 0.5
    assert frozen_frames(changing([2.0, 0.4])) == 0.0
    assert frozen_frames(changing([])) is None


@pytest.mark.parametrize("seed", range(5))
def test_without_a_seam_the_ratio_is_about_one(seed: int) -> None:
    ratio = seam_score(changing(np.random.default_rng(seed).gamma(4.0, 0.5, 250)))["ratio"]
    assert ratio is not None
    assert 0.6 < ratio < 1.5


@pytest.mark.parametrize("period", [12, 16, 25])
def test_a_seam_is_found_with_its_period_and_its_height(period: int) -> None:
    change = np.random.default_rng(0).gamma(20.0, 0.1, 300)
    change[period - 1 :: period] *= 3
    found = seam_score(changing(change))
    assert found["period_frames"] is not None
    assert found["period_frames"] % period == 0
    assert found["ratio"] == pytest.approx(3.0, rel=0.35)


def test_a_rhythm_shorter_than_a_piece_is_no_seam() -> None:
    change = np.random.default_rng(0).gamma(20.0, 0.1, 300)
    change[::2] = 0.02  # 15 pictures a second, shown at 30
    ratio = seam_score(changing(change))["ratio"]
    assert ratio is not None
    assert 0.6 < ratio < 1.4
    assert seam_score(changing(np.ones(40)))["ratio"] is None


def test_colour_drift_is_a_distance_a_trend_and_a_ratio_of_chroma() -> None:
    colour = np.tile([50.0, 10.0, 0.0], (250, 1))
    colour[:, 1] += np.linspace(0, 10, 250)  # 10 in 10 s
    drift = colour_drift(clip(250, series=PictureSeries(fps=25, colour=colour, change=colour, coarse_change=colour)))
    assert drift["last_to_first"] == pytest.approx(9.0, abs=0.1)
    assert drift["per_min"] == pytest.approx(60.0, rel=0.01)
    assert drift["chroma_ratio"] == pytest.approx(19.5 / 10.5, rel=0.01)
    short = PictureSeries(fps=25, colour=colour[:40], change=colour, coarse_change=colour)
    assert colour_drift(clip(40, series=short))["last_to_first"] is None


def test_sharpness_that_halves_every_half_minute() -> None:
    sharpness = 40 * 0.5 ** (np.arange(1500) / 750)
    drift = sharpness_drift(clip(1500, sharpness=sharpness.astype(np.float32)))
    assert drift["per_min"] == pytest.approx(2 * np.log(0.5), rel=1e-3)
    assert drift["last_to_first"] == pytest.approx(0.25, rel=0.05)
    assert drift["size"] == pytest.approx(np.log(4), rel=0.05)
    assert sharpness_drift(clip(1500, sharpness=np.full(1500, np.nan, np.float32)))["size"] is None
    assert sharpness_drift(clip(40, sharpness=np.ones(40, np.float32)))["size"] is None


def test_a_lost_face_has_no_sharpness_to_drift() -> None:
    sharpness, confidence = np.full(200, 30, np.float32), np.ones(200, np.float32)
    sharpness[60:80], confidence[60:80] = 0, 0
    assert sharpness_drift(clip(200, sharpness=sharpness, confidence=confidence))["per_min"] == pytest.approx(0.0)


def test_head_motion_is_the_range_of_the_angles() -> None:
    pose = np.zeros((101, 3), np.float32)
    pose[:, 0] = np.linspace(0, 100, 101) - 30  # a constant turn doesn't count
    pose[:, 1] = np.linspace(0, 50, 101)
    found = head_motion(clip(101, pose_deg=pose))
    assert found["yaw_deg"] == pytest.approx(90.0)
    assert found["pitch_deg"] == pytest.approx(45.0)
    assert found["roll_deg"] == 0.0
    assert found["range_deg"] == pytest.approx(np.hypot(90, 45))


def test_a_still_face_has_no_diversity() -> None:
    moving = np.zeros((100, 21), np.float32)
    moving[:, 0] = np.tile([0.0, 0.42], 50)
    assert expression_diversity(clip(100)) == 0.0
    assert expression_diversity(clip(100, expression=moving)) == pytest.approx(0.21 / 21)


@pytest.fixture(scope="module")
def real_frames(media_folder: Path) -> list[Picture]:
    """Four seconds of a speaker."""
    return [frame.image for frame in read_frames(media_folder / "aoc_hdtf.mp4", end_s=4.0)]


@pytest.fixture(scope="module")
def real(real_frames: list[Picture], tmp_path_factory: pytest.TempPathFactory, face_weights: None) -> ClipMedia:
    path = tmp_path_factory.mktemp("real") / "real.mp4"
    write_video(path, real_frames)
    found = analyse(path)
    return clip_media(path, found, found.tracks[0])


def spoilt(real: ClipMedia, frames: Sequence[Picture], path: Path) -> ClipMedia:
    """The same track over other pictures."""
    write_video(path, frames)
    return replace(real, source=path)


def test_a_series_has_every_picture_of_the_video_at_its_own_rate(
    real: ClipMedia, real_frames: list[Picture], tmp_path: Path
) -> None:
    path = tmp_path / "thirty.mp4"
    write_video(path, [real_frames[i // 2] for i in range(60)], fps=30)  # each twice: 15 pictures a second
    two_seconds = replace(real, source=path, track=real.track.part(0, 50))
    assert len(two_seconds.picture_series.colour) == 60
    share = frozen_frames(two_seconds)
    assert share is not None
    assert 0.3 < share <= 0.51, "half of them, less those that the codec retouched"
    assert len(real.picture_series.colour) == len(real.track)


def test_a_frozen_stretch_is_counted_though_the_codec_has_been_over_it(
    real: ClipMedia, real_frames: list[Picture], tmp_path: Path
) -> None:
    held = [real_frames[min(i, 40) if i < 70 else i] for i in range(100)]
    assert frozen_frames(real) == 0.0
    assert frozen_frames(spoilt(real, held, tmp_path / "held.mp4")) == pytest.approx(29 / 99, abs=0.04)


def test_a_jump_every_twelve_frames_is_a_seam(real: ClipMedia, real_frames: list[Picture], tmp_path: Path) -> None:
    shifts = np.random.default_rng(0).integers(-14, 15, (9, 2))
    jumping = [np.roll(f, tuple(shifts[i // 12]), axis=(0, 1)) for i, f in enumerate(real_frames)]
    whole = seam_score(real)["ratio"]
    found = seam_score(spoilt(real, jumping, tmp_path / "jumps.mp4"))
    assert whole is not None
    assert whole < 1.3
    assert found["ratio"] is not None
    assert found["ratio"] > 1.6
    assert found["period_frames"] == 12.0


def test_drift_grows_with_a_ramp_of_colour(real: ClipMedia, real_frames: list[Picture], tmp_path: Path) -> None:
    drifts = []
    for strength in (0.0, 0.3, 0.6):
        redder = [_redder(frame, strength * i / len(real_frames)) for i, frame in enumerate(real_frames)]
        drifts.append(colour_drift(spoilt(real, redder, tmp_path / f"{strength}.mp4")))
    sizes = [drift["last_to_first"] or 0.0 for drift in drifts]
    assert sizes[0] < 3 < sizes[1] < sizes[2]
    assert (drifts[2]["chroma_ratio"] or 0) > 1.2 > (drifts[0]["chroma_ratio"] or 9)


def test_drift_grows_with_a_ramp_of_blur(real: ClipMedia, real_frames: list[Picture], tmp_path: Path) -> None:
    blurring = [cv2.GaussianBlur(frame, (0, 0), 0.1 + 3 * i / 100) for i, frame in enumerate(real_frames)]
    path = tmp_path / "blur.mp4"
    write_video(path, blurring)
    found = analyse(path)
    drift, before = sharpness_drift(clip_media(path, found, found.tracks[0])), sharpness_drift(real)
    assert (drift["last_to_first"] or 9) < 0.2 < 0.5 < (before["last_to_first"] or 0)
    assert (drift["size"] or 0) > (before["size"] or 9)


def _redder(frame: Picture, share: float) -> Picture:
    return np.asarray(np.clip(frame * np.array([1 + share, 1.0, 1 - share]), 0, 255), np.uint8)
