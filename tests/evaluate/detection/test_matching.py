"""Whatever form a video came in, it leaves in the one form."""

from itertools import repeat
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from curate.container_facts import container_facts
from curate.errors import MediaError
from curate.media import probe, read_audio, read_frames
from curate.media_writing import write_video
from evaluate.detection.matching import Matching, _lowpassed, _span, match
from evaluate.observation import Observation
from tests.conftest import pan, pulsed_tone

SHORT = Matching(max_s=2.0)
SPEAKING = slice(0, 2 * 16_000)


def _matched(media: Path) -> bytes:
    return match(Observation(media=media, max_frames=8), SHORT).video


def _level_db(video: bytes) -> float:
    return 10 * float(np.log10(np.mean(np.square(read_audio(video)[SPEAKING]))))


@pytest.fixture(scope="module")
def other_form(tmp_path_factory: pytest.TempPathFactory, portrait: NDArray[np.uint8]) -> Path:
    """The face video at another size, frame rate, quality and level, in stereo at 48 kHz."""
    path = tmp_path_factory.mktemp("other") / "other.mp4"
    frames = (np.repeat(np.repeat(frame, 2, 0), 2, 1) for frame in pan(portrait, 120))
    sound = np.tile(0.1 * pulsed_tone(4.0, rate_hz=48_000), (2, 1))
    write_video(path, frames, fps=30, audio=sound, sample_rate_hz=48_000, crf=28)
    return path


def test_the_middle_of_a_track_is_taken_and_a_short_one_whole() -> None:
    assert _span(300, 5.0) == (87, 212)
    assert _span(80, 5.0) == (0, 80)
    with pytest.raises(MediaError, match="24 frames only") as caught:
        _span(24, 5.0)
    assert caught.value.reason == "too_short"


def test_two_forms_of_one_video_become_one_form(face_video: Path, other_form: Path, face_weights: None) -> None:
    first, second = _matched(face_video), _matched(other_form)
    for video in (first, second):
        facts, info = container_facts(video), probe(video)
        assert (info.width, info.height, info.fps) == (256, 256, 25.0)
        assert (facts.video_codec, facts.audio_codec) == ("h264", "aac")
        assert (facts.audio_rate_hz, facts.audio_channels) == (16_000, 1)
        assert len(list(read_frames(video))) == 50
        assert _level_db(video) == pytest.approx(SHORT.level_db, abs=0.5)
    tags = [container_facts(video).n_tags for video in (first, second)]
    assert tags[0] == tags[1]


def test_one_person_is_one_identity_in_both_forms(face_video: Path, other_form: Path, face_weights: None) -> None:
    first, second = (match(Observation(media=path, max_frames=8), SHORT) for path in (face_video, other_form))
    assert float(first.identity @ second.identity) > 0.97
    assert np.linalg.norm(first.identity) == pytest.approx(1.0, abs=1e-5)
    assert first.duration_s == second.duration_s == 2.0
    assert len(first.frame_hashes) == len(second.frame_hashes) == 10


def test_the_same_video_gives_the_same_bytes(face_video: Path, face_weights: None) -> None:
    assert _matched(face_video) == _matched(face_video)


@pytest.mark.parametrize(("audio", "peak"), [(None, None), (np.zeros(64_000, np.float32), 0.0)])
def test_no_sound_stays_none_and_silence_stays_silent(
    audio: NDArray[np.float32] | None,
    peak: float | None,
    tmp_path: Path,
    portrait: NDArray[np.uint8],
    face_weights: None,
) -> None:
    write_video(tmp_path / "quiet.mp4", pan(portrait, 60), audio=audio)
    video = _matched(tmp_path / "quiet.mp4")
    assert probe(video).has_audio == (peak is not None)
    if peak is not None:
        assert float(np.abs(read_audio(video)).max()) == pytest.approx(peak, abs=1e-4)


def test_sound_above_the_cut_goes_and_below_it_keeps_level_and_time() -> None:
    time_s = np.arange(16_000) / 16_000
    low = np.sin(2 * np.pi * 1000 * time_s).astype(np.float32)
    high = np.sin(2 * np.pi * 7500 * time_s).astype(np.float32)
    inner = slice(500, -500)
    passed = _lowpassed(low + high, 6800.0)
    assert np.abs(passed - low)[inner].max() < 0.01


def test_a_video_without_a_face_is_not_matched(tmp_path: Path, face_weights: None) -> None:
    grey = np.full((128, 128, 3), 90, np.uint8)
    write_video(tmp_path / "none.mp4", repeat(grey, 50))
    with pytest.raises(MediaError) as caught:
        _matched(tmp_path / "none.mp4")
    assert caught.value.reason == "no_face"
