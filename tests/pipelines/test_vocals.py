"""The voice taken from a mix by real small programs, and what is said of one that does it wrong."""

import sys
import wave
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from curate.errors import ConfigError, EmoforgeError, MediaError
from curate.media import audio_format, read_audio
from curate.media_writing import encode_flac
from pipelines import vocals as separating
from pipelines.sound_files import write_wav
from pipelines.vocals import separate
from tests.pipelines.test_speak import HANGS, program

RATE_HZ = 44_100
# Keeps what is under 1 kHz of a WAV: argv = the mix, the place to write, samples to add or cut off
KEEPS_LOW = """
import sys, wave
import numpy as np
with wave.open(sys.argv[1]) as file:
    rate_hz, channels = file.getframerate(), file.getnchannels()
    mix = np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, channels).astype(float)
spectrum = np.fft.rfft(mix, axis=0)
spectrum[np.fft.rfftfreq(len(mix), 1 / rate_hz) > 1000] = 0
kept = np.fft.irfft(spectrum, len(mix), axis=0)
more = int(sys.argv[3])
kept = np.pad(kept, ((0, max(0, more)), (0, 0)))[: len(kept) + more]
with wave.open(sys.argv[2], "wb") as file:
    file.setnchannels(channels), file.setsampwidth(2), file.setframerate(rate_hz)
    file.writeframes(kept.round().astype("<i2").tobytes())
"""
WRITES_STEMS = "import shutil, sys; [shutil.copy(sys.argv[1], sys.argv[2] + '/' + name) for name in sys.argv[3:]]"


def tone(hz: float, n_samples: int = 50_001) -> NDArray[np.float32]:
    return (0.3 * np.sin(2 * np.pi * hz * np.arange(n_samples) / RATE_HZ)).astype(np.float32)


@pytest.fixture
def mix(tmp_path: Path) -> Path:
    """A voice at 220 Hz and a whistle at 5 kHz, in stereo."""
    write_wav(tmp_path / "-the mix.wav", np.stack([tone(220) + tone(5000)] * 2), RATE_HZ)
    return tmp_path / "-the mix.wav"


@pytest.mark.parametrize("more", [0, 7000, -7000])
def test_the_vocals_are_the_mixs_voice_and_as_long_to_the_sample(mix: Path, tmp_path: Path, more: int) -> None:
    separator = f"{program(tmp_path, KEEPS_LOW)} {{audio}} {{out}} {more}"
    out = separate(mix, tmp_path / "new" / "vocals.wav", separator=separator)
    assert out == tmp_path / "new" / "vocals.wav"
    assert audio_format(out)[:2] == (RATE_HZ, 2)
    heard = read_audio(out, sample_rate_hz=RATE_HZ, channels=2)
    assert heard.shape == (2, 50_001)
    inside = slice(2000, 50_001 + min(0, more) - 2000)
    np.testing.assert_allclose(heard[:, inside], np.stack([tone(220)[inside]] * 2), atol=0.01)


def test_a_mix_of_any_format_comes_to_the_separator_as_wav(tmp_path: Path) -> None:
    (tmp_path / "mix.flac").write_bytes(encode_flac(tone(220)[:16_000] + tone(5000)[:16_000], RATE_HZ))
    separator = f"{program(tmp_path, KEEPS_LOW)} {{audio}} {{out}} 0"
    out = separate(tmp_path / "mix.flac", tmp_path / "vocals.wav", separator=separator)
    assert out is not None
    with wave.open(str(out)) as file:
        assert file.getnframes() == 16_000


@pytest.mark.parametrize(
    "names",
    [["vocals.wav", "no_vocals.wav"], ["mix_(Vocals)_model.wav", "mix_(Instrumental)_model.wav"], ["VOCALS.WAV"]],
)
def test_the_one_file_with_vocals_in_its_name_is_taken_from_a_folder(
    mix: Path, tmp_path: Path, names: list[str]
) -> None:
    separator = f"{program(tmp_path, WRITES_STEMS)} {{audio}} {{out_dir}} {' '.join(names)}"
    out = separate(mix, tmp_path / "vocals.wav", separator=separator)
    assert out is not None
    heard = read_audio(out, sample_rate_hz=RATE_HZ, channels=2)
    np.testing.assert_allclose(heard, np.stack([tone(220) + tone(5000)] * 2), atol=0.001)


@pytest.mark.parametrize(
    ("names", "complaint"),
    [
        ("", "it wrote nothing"),
        ("drums.wav bass.wav", "it wrote bass.wav, drums.wav"),
        ("vocals_1.wav vocals_2.wav", "it wrote vocals_1.wav, vocals_2.wav"),
    ],
)
def test_a_folder_without_one_such_file_is_refused(mix: Path, tmp_path: Path, names: str, complaint: str) -> None:
    separator = f"{program(tmp_path, WRITES_STEMS)} {{audio}} {{out_dir}} {names}"
    with pytest.raises(EmoforgeError, match=complaint):
        separate(mix, tmp_path / "vocals.wav", separator=separator)


@pytest.mark.parametrize(
    ("code", "more", "complaint"),
    [
        (KEEPS_LOW, RATE_HZ, "vocals last 2.13 s and the mix 1.13 s"),
        (KEEPS_LOW, -RATE_HZ, "vocals last 0.13 s and the mix 1.13 s"),
        ("pass", 0, "wrote no sound"),
        ("import sys; open(sys.argv[2], 'wb').write(bytes(range(256)) * 9)", 0, "no sound that can be read"),
        ("import sys; sys.exit('CUDA out of memory')", 0, "failed: CUDA out of memory"),
        (HANGS, 0, "took over 0.5 s"),
    ],
)
def test_a_separator_that_fails_leaves_one_sentence_and_no_file(
    mix: Path, tmp_path: Path, code: str, more: int, complaint: str
) -> None:
    separator = f"{program(tmp_path, code)} {{audio}} {{out}} {more}"
    with pytest.raises(EmoforgeError, match=complaint):
        separate(mix, tmp_path / "vocals.wav", separator=separator, limit_s=0.5 if code == HANGS else None)
    assert not (tmp_path / "vocals.wav").exists()


@pytest.mark.parametrize(
    ("separator", "complaint"),
    [
        ("", "empty"),
        ("demucs {out_dir}", "must have"),
        ("demucs {audio}", "must have"),
        ("no-such-program {audio} {out}", "is not installed"),
    ],
)
def test_a_separator_that_cannot_work_is_refused(mix: Path, tmp_path: Path, separator: str, complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        separate(mix, tmp_path / "vocals.wav", separator=separator)


def test_a_mix_that_is_no_sound_is_named(tmp_path: Path) -> None:
    (tmp_path / "song.mp3").write_text("la la la")
    with pytest.raises(MediaError, match=r"the mix .*song\.mp3 can't be used"):
        separate(tmp_path / "song.mp3", tmp_path / "vocals.wav", separator="true {audio} {out}")


def test_an_installed_separator_is_used_and_without_one_there_are_no_vocals(
    mix: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(separating, "INSTALLED", {"no-such-program": "no-such-program {audio} {out}"})
    assert separate(mix, tmp_path / "vocals.wav") is None
    assert not (tmp_path / "vocals.wav").exists()
    ours = f"{program(tmp_path, KEEPS_LOW)} {{audio}} {{out}} 0"
    monkeypatch.setattr(separating, "INSTALLED", {sys.executable: ours})
    assert separate(mix, tmp_path / "vocals.wav") == tmp_path / "vocals.wav"
