"""What the per-clip numbers do on real clips when the clips are spoilt: a swapped person, late sound, a voice-over."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from curate import weights
from curate.clip_media import ClipMedia
from curate.errors import MediaError, WeightsError
from curate.media import read_audio, read_frames
from curate.media_writing import write_video
from curate.scorers.mouth_in_silence import mouth_in_silence
from curate.scorers.sync_in_place import sync_in_place
from evaluate.blinks import blinks
from evaluate.features.eye_blink import eye_blink
from evaluate.features.face_presence import face_presence
from evaluate.features.identity_dlib import identity_dlib
from evaluate.features.lengths import lengths
from evaluate.metrics.identity_similarity import identity_similarity
from evaluate.observation import Observation
from tests.evaluate.clips import measured, sets

Picture = NDArray[np.uint8]

pytestmark = pytest.mark.usefixtures("face_weights")


def observation(path: Path, *, max_frames: int = 4) -> Observation:
    return Observation(media=path, max_frames=max_frames)


def beginning(clip: Path, seconds: float) -> list[Picture]:
    return [frame.image for frame in read_frames(clip, end_s=seconds)]


@pytest.fixture(scope="module")
def speaker(media_folder: Path) -> Observation:
    return observation(media_folder / "aoc_hdtf.mp4")


@pytest.fixture(scope="module")
def speaking(speaker: Observation) -> ClipMedia:
    return speaker.clip_media


def test_identity_falls_for_a_swapped_person(media_folder: Path, tmp_path: Path) -> None:
    vectors = {}
    for name in ("aoc_hdtf", "senator_office"):
        path = tmp_path / f"{name}.mp4"
        write_video(path, beginning(media_folder / f"{name}.mp4", 1.0))
        vectors[name] = identity_dlib(observation(path)).astype(np.float64)
    real = [measured("a.mp4", feature="identity_dlib", vectors=vectors["aoc_hdtf"][:1])]
    same, swapped = (
        identity_similarity(sets(real, [measured("a.mp4", feature="identity_dlib", vectors=vectors[name])])).value
        for name in ("aoc_hdtf", "senator_office")
    )
    assert same is not None
    assert swapped is not None
    assert same > 0.96 > 0.9 > swapped


def test_sync_falls_with_the_offset_of_the_sound(speaking: ClipMedia) -> None:
    in_sync_s = 0.12  # this clip's own sound comes late
    numbers = []
    for off_s in (0.0, 0.1, 0.2, 0.3):
        both = [sync_in_place(replace(speaking, audio_shift_s=in_sync_s + way * off_s)) for way in (-1, 1)]
        numbers.append(sum(number or 0.0 for number in both) / 2)
    assert numbers[0] > 0.35
    assert numbers == sorted(numbers, reverse=True)
    assert numbers[-1] < 0.1


def test_the_mouth_moves_in_silence_where_speech_is_put_over_it(media_folder: Path, tmp_path: Path) -> None:
    clip = media_folder / "aoc_hdtf.mp4"
    frames, sound = beginning(clip, 4.0), read_audio(clip, end_s=4.0)
    sound[2 * 16_000 :] = 0.0
    resting = [frames[min(i, 55)] for i in range(len(frames))]
    talking = _in_silence(frames, sound, tmp_path / "talking.mp4")
    rests = _in_silence(resting, sound, tmp_path / "resting.mp4")
    assert talking is not None
    assert rests is not None
    assert rests < 0.3 < 0.6 < talking


def _in_silence(frames: Sequence[Picture], sound: NDArray[np.float32], path: Path) -> float | None:
    write_video(path, frames, audio=sound)
    return mouth_in_silence(observation(path).clip_media)


def test_the_share_of_a_video_without_its_face(media_folder: Path, tmp_path: Path) -> None:
    frames = beginning(media_folder / "aoc_hdtf.mp4", 2.0)
    empty = [np.full_like(frames[0], 90)] * 50
    found = face_presence(observation(_written(tmp_path / "half.mp4", frames + empty)))
    assert found.shape == (100, 1)
    assert found.mean() == pytest.approx(0.5, abs=0.03)
    assert face_presence(observation(_written(tmp_path / "none.mp4", empty))).sum() == 0


def test_lengths_of_pictures_and_sound(media_folder: Path, tmp_path: Path) -> None:
    frames = beginning(media_folder / "aoc_hdtf.mp4", 1.0)
    sound = np.random.default_rng(0).normal(0, 0.1, 12_000).astype(np.float32)
    path = tmp_path / "sound.mp4"
    write_video(path, frames, audio=sound)
    pictures_s, sound_s = lengths(observation(path))[0]
    assert pictures_s == pytest.approx(1.0)
    assert sound_s == pytest.approx(0.75, abs=0.07)
    with pytest.raises(MediaError):
        lengths(observation(_written(tmp_path / "silent.mp4", frames)))


def test_blinks_of_a_speaker_who_was_watched(media_folder: Path, tmp_path: Path) -> None:
    try:
        weights.path("face_landmarker")
    except WeightsError as error:
        pytest.skip(str(error))
    clip = _written(tmp_path / "phone.mp4", beginning(media_folder / "phone_woman.mp4", 4.0))
    closed = eye_blink(observation(clip))[:, 0]
    assert len(closed) == 100
    assert blinks(closed) == 7, "seen with open eyes, the first on the clip's first frames"


def _written(path: Path, frames: Sequence[Picture]) -> Path:
    write_video(path, frames)
    return path
