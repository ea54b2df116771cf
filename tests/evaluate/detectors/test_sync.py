"""Sync: without sound it abstains, and sound moved away from the lips shows."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from curate.media_writing import write_video
from evaluate.detection.detector import Abstention
from evaluate.detectors.sync import fit, observe, sync
from evaluate.observation import Observation


def with_sound(observation: Observation, samples: np.ndarray | None) -> Observation:
    """The same pictures over other sound."""
    media = replace(observation.clip_media)
    media.__dict__["audio"] = samples
    changed = Observation(media=observation.media, max_frames=observation.max_frames)
    changed.__dict__["clip_media"] = media
    return changed


@pytest.fixture(scope="module")
def seen(face_video: Path, face_weights: None) -> Observation:
    return Observation(media=face_video, max_frames=1)


def test_six_numbers_that_the_model_is_asked_with(seen: Observation) -> None:
    values = observe(seen)
    assert values.shape == (6,)
    assert np.isfinite(values).all()
    assert sync(seen, model=lambda asked: float(np.array_equal(asked, values))) == 1.0


@pytest.mark.parametrize(
    ("samples", "reason"),
    [
        (None, "no_sound: the video has no sound"),
        (np.zeros(64_000, np.float32), "no_sound: the video's sound is silence"),
        (np.full(64_000, 0.3, np.float32), "no_speech"),
    ],
)
def test_without_sound_to_follow_it_abstains(seen: Observation, samples: np.ndarray | None, reason: str) -> None:
    with pytest.raises(Abstention, match=reason):
        observe(with_sound(seen, samples))


def test_a_video_without_a_sound_stream_abstains(tmp_path: Path, portrait: np.ndarray, face_weights: None) -> None:
    path = tmp_path / "mute.mp4"
    write_video(path, (portrait[:384, 40:424] for _ in range(30)))
    with pytest.raises(Abstention, match="no_sound"):
        observe(Observation(media=path, max_frames=1))


def test_speech_moved_by_a_second_agrees_less_with_the_lips(media_folder: Path, face_weights: None) -> None:
    observation = Observation(media=media_folder / "aoc_hdtf.mp4", max_frames=1)
    moved = Observation(media=observation.media, max_frames=1)
    moved.__dict__["clip_media"] = replace(observation.clip_media, audio_shift_s=1.0)
    in_place, away = observe(observation), observe(moved)
    assert in_place[4] > away[4] + 0.2  # sync_in_place
    assert in_place[1] < 0.05  # sync_correlation's off: the sound fits nowhere better


def test_lips_that_ignore_the_sound_are_learnt() -> None:
    random = np.random.default_rng(0)
    good, bad = np.array([0.7, 0, 0.5, 0.3, 0.5, 0.2]), np.array([0.2, 0.1, 0.1, 0, 0, 0.9])
    drawn = [(centre + random.normal(0, 0.05, 6)).astype(np.float32) for centre in [good] * 8 + [bad] * 8]
    model = fit(drawn, np.arange(16) >= 8, 0)
    assert model(good.astype(np.float32)) < 0.1 < 0.9 < model(bad.astype(np.float32))
