"""The silence gate: what isn't voice becomes silence, what is passes whole, and pauses within speech stay."""

import logging
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from curate.media import read_audio
from train.silence_gate import at_frames, near, steady, voice_gain, voiced_frames

Flags = NDArray[np.bool_]


def flags(text: str) -> Flags:
    return np.array([mark == "#" for mark in text])


def shown(found: Flags) -> str:
    return "".join("#" if flag else "." for flag in found)


def test_speech_lasts_until_it_surely_is_none() -> None:
    probabilities = np.array([0.3, 0.6, 0.2, 0.1, 0.09, 0.3, 0.5, 0.05], np.float32)
    assert shown(steady(probabilities)) == ".###..#."


def test_a_frame_is_spoken_if_any_chunk_in_it_is() -> None:
    """Frames are 640 samples and chunks 512: chunk 2 lies in frames 1 and 2, chunk 4 in frame 3 (1920-2559) alone."""
    assert shown(at_frames(flags("..#....."), 6)) == ".##..."
    assert shown(at_frames(flags("....#..."), 6)) == "...#.."
    assert shown(at_frames(flags("#"), 4)) == "#..."
    assert shown(at_frames(flags(""), 2)) == ".."


def test_frames_shortly_before_and_after_a_voice_count_as_its_own() -> None:
    assert shown(near(flags("......#............#"))) == "...#########....####"
    assert shown(near(flags("#.......#"))) == "#########", "a short pause stays"
    assert shown(near(flags("#.........#"))) == "######.####"


def test_a_voice_passes_whole_and_all_else_is_silence() -> None:
    gain = voice_gain(flags("..##.."), first_frame=0, n_frames=6)
    assert (gain[2 * 640 : 4 * 640] == 1).all()
    assert (gain[: 2 * 640 - 160] == 0).all()
    assert (gain[4 * 640 + 160 :] == 0).all()
    assert np.abs(np.diff(gain)).max() <= 1 / 160 + 1e-6, "faded over 10 ms"


@pytest.mark.parametrize(("first", "n"), [(-3, 7), (0, 4), (2, 3), (5, 6), (-9, 4)])
def test_a_part_of_the_gain_is_the_whole_one_s(first: int, n: int) -> None:
    voiced = flags("##..#.##")
    whole = voice_gain(voiced, first_frame=-10, n_frames=30)
    part = voice_gain(voiced, first_frame=first, n_frames=n)
    assert np.array_equal(part, whole[(first + 10) * 640 : (first + 10 + n) * 640])


@pytest.mark.usefixtures("face_weights")
def test_noise_and_tones_are_no_voice(caplog: pytest.LogCaptureFixture) -> None:
    random, seconds = np.random.default_rng(0), np.arange(32_000) / 16_000
    with caplog.at_level(logging.WARNING):
        for sound in (random.normal(0, 0.1, 32_000), 0.3 * np.sin(2 * np.pi * 220 * seconds)):
            assert not voiced_frames(sound.astype(np.float32), n_frames=50).any()
    assert "the mouth rests" in caplog.text


@pytest.mark.usefixtures("face_weights")
@pytest.mark.parametrize("name", ["audio/speech_english_7s.wav", "audio/singing_female_10s.wav"])
def test_speech_and_song_pass_and_what_is_around_them_does_not(media_folder: Path, name: str) -> None:
    voice = read_audio(media_folder / name)[: 5 * 16_000]
    hiss = np.random.default_rng(0).normal(0, 0.02, 3 * 16_000).astype(np.float32)
    voiced = voiced_frames(np.concatenate([hiss, voice, hiss]), n_frames=11 * 25)
    assert voiced[3 * 25 + 10 : 8 * 25 - 10].mean() > 0.9
    assert not voiced[:60].any()
    assert not voiced[-40:].any()


def test_the_last_sound_counts_though_it_fills_no_chunk(monkeypatch: pytest.MonkeyPatch) -> None:
    def loud(audio: NDArray[np.float32], *, fill: bool) -> NDArray[np.float32]:
        assert fill
        return (np.pad(audio, (0, -len(audio) % 512)).reshape(-1, 512).max(axis=1) > 0).astype(np.float32)

    monkeypatch.setattr("train.silence_gate.speech_probabilities", loud)
    sound = np.zeros(20 * 640, np.float32)
    sound[-1] = 1
    assert shown(voiced_frames(sound[: 19 * 640 + 100], n_frames=20)) == "." * 20
    sound[19 * 640 + 99] = 1
    assert shown(voiced_frames(sound[: 19 * 640 + 100], n_frames=20)) == "." * 15 + "#" * 5
