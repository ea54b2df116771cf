"""Speech is found where it is, and a chunk's probability depends on what came before it only."""

from pathlib import Path

import numpy as np
import pytest

from curate.media import read_audio
from curate.speech import CHUNK, speech_and_rest, speech_probabilities

pytestmark = pytest.mark.usefixtures("face_weights")


def test_silence_and_noise_are_no_speech() -> None:
    noise = np.random.default_rng(0).normal(0, 0.01, 48_000).astype(np.float32)
    assert speech_probabilities(np.zeros(16_000, np.float32)).max() < 0.1
    assert np.median(speech_probabilities(noise)) < 0.1


@pytest.mark.parametrize(("n", "chunks"), [(0, 0), (CHUNK - 1, 0), (CHUNK, 1), (5 * CHUNK + 7, 5)])
def test_there_is_one_probability_a_whole_chunk(n: int, chunks: int) -> None:
    assert speech_probabilities(np.zeros(n, np.float32)).shape == (chunks,)


def test_what_comes_later_changes_nothing() -> None:
    audio = np.random.default_rng(1).normal(0, 0.1, 40 * CHUNK).astype(np.float32)
    whole, half = speech_probabilities(audio), speech_probabilities(audio[: 20 * CHUNK])
    assert whole[:20] == pytest.approx(half, abs=1e-5)


def test_long_sound_is_heard_piece_by_piece_as_it_is_whole(
    media_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    audio = read_audio(media_folder / "slides_talk_2min.mp4", end_s=40.0)
    whole = speech_probabilities(audio)
    np.save(tmp_path / "audio.npy", audio)
    monkeypatch.setattr("curate.speech._PIECE", 101 * CHUNK)
    assert np.array_equal(speech_probabilities(np.load(tmp_path / "audio.npy", mmap_mode="r")), whole)


@pytest.mark.parametrize(("n", "chunks"), [(0, 0), (1, 1), (CHUNK, 1), (5 * CHUNK + 7, 6)])
def test_a_last_shorter_chunk_can_be_filled_with_silence(n: int, chunks: int) -> None:
    audio = np.random.default_rng(2).normal(0, 0.1, n).astype(np.float32)
    filled = np.concatenate([audio, np.zeros(-n % CHUNK, np.float32)])
    assert speech_probabilities(audio, fill=True).shape == (chunks,)
    assert np.array_equal(speech_probabilities(audio, fill=True), speech_probabilities(filled))


def test_a_talker_talks_and_pauses(media_folder: Path) -> None:
    audio = read_audio(media_folder / "senator_office.mp4")
    assert audio is not None
    probabilities = speech_probabilities(audio)
    assert np.mean(probabilities > 0.5) > 0.7
    spoken, rest = speech_and_rest(audio, probabilities)
    assert np.square(spoken).mean() > 20 * np.square(rest).mean()
