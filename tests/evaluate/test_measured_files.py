"""Measuring never raises for a bad video, and what was measured survives the disk to the last bit."""

from pathlib import Path

import numpy as np
import pytest

from evaluate.measure import Measured, measure
from evaluate.measured_files import load_measured, save_measured
from evaluate.videos import list_videos


@pytest.mark.parametrize("content", [b"", b"no video at all", b"\x00\x00\x00\x18ftypmp42" + bytes(50)])
def test_a_bad_file_fails_by_name_and_reason(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "bad.mp4").write_bytes(content)
    clip = measure(list_videos(tmp_path)[0], features=["expression_mesh"], scorers=["sync_correlation"], max_frames=4)
    assert clip.n_frames == 0
    assert clip.thumbnail is None
    assert set(clip.failures) == {"expression_mesh", "sync_correlation"}
    assert all(":" in reason for reason in clip.failures.values())


def test_a_face_video_gives_every_feature(face_video: Path, face_weights: None) -> None:
    clip = measure(list_videos(face_video)[0], features=["expression_mesh"], scorers=["sync_correlation"], max_frames=4)
    assert clip.features["expression_mesh"].shape == (4, 21)
    assert {"sync_correlation_peak", "sync_correlation_offset_s"} <= set(clip.scores)
    assert clip.failures == {}
    assert clip.n_track_frames == 100


def test_saved_and_loaded_is_the_same(tmp_path: Path) -> None:
    clip = Measured(
        name="ä b.mp4",
        stem="ä b",
        features={"x": np.random.default_rng(0).normal(size=(3, 5)).astype(np.float32)},
        scores={"peak": 0.1 + 0.2},
        failures={"y": "no_face: none"},
        series={"mouth_aperture": np.array([0.1, 0.2], np.float32)},
        n_frames=3,
        n_track_frames=70,
        thumbnail=b"jpeg",
    )
    save_measured(clip, tmp_path / "clip.npz")
    again = load_measured(tmp_path / "clip.npz")
    assert again is not None
    assert np.array_equal(again.features["x"], clip.features["x"])
    assert list(again.features) == ["x"]
    assert np.array_equal(again.series["mouth_aperture"], clip.series["mouth_aperture"])
    for key in ("name", "stem", "scores", "failures", "n_frames", "n_track_frames", "thumbnail"):
        assert getattr(again, key) == getattr(clip, key)


def test_a_missing_or_damaged_file_is_none(tmp_path: Path) -> None:
    (tmp_path / "damaged.npz").write_bytes(b"PK\x03\x04 cut off")
    assert load_measured(tmp_path / "missing.npz") is None
    assert load_measured(tmp_path / "damaged.npz") is None
