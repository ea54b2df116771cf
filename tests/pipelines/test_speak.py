"""Speech from text by real small programs: what is said reaches them whole, and what they do wrong is one sentence."""

import shlex
import shutil
import sys
import time
import wave
from pathlib import Path

import numpy as np
import pytest

from curate.errors import ConfigError, EmoforgeError
from curate.media import audio_format, read_audio
from curate.user_command import fill
from pipelines import speak as speaking
from pipelines.speak import MAX_CHARACTERS, can_speak, speak

# Writes the text it is given, one sample a byte, so that the sound tells what came
SPEAKER = """
import pathlib, sys, wave
place, how, given = sys.argv[1:4]
text = {"stdin": sys.stdin.read, "file": lambda: pathlib.Path(given).read_text(), "text": lambda: given}[how]()
with wave.open(place, "wb") as file:
    file.setnchannels(1), file.setsampwidth(2), file.setframerate(22_050)
    file.writeframes(b"".join((100 * byte).to_bytes(2, "little") for byte in text.encode()))
"""
HANGS = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'import time; time.sleep(600)'])"


def program(folder: Path, code: str) -> str:
    """The beginning of a command that runs `code` in Python."""
    path = folder / "a program.py"
    path.write_text(code)
    return f"{shlex.quote(sys.executable)} {shlex.quote(str(path))}"


def said(wav: Path) -> str:
    with wave.open(str(wav)) as file:
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2")
    return bytes(round(sample / 100) for sample in samples).decode()


@pytest.fixture
def nothing_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speaking, "INSTALLED", {"no-such-program": "no-such-program {out}"})
    monkeypatch.setattr(speaking, "LIBRARY", "no_such_library")


@pytest.mark.parametrize("places", ["{out} stdin -", "{out} file {text_file}", "{out} text {text}"])
@pytest.mark.parametrize(
    ("text", "heard"),
    [
        ("Good morning.", "Good morning."),
        ("$(touch owned) `id` ; rm * | {out} \\ ' \" &", "$(touch owned) `id` ; rm * | {out} \\ ' \" &"),
        ("<speak><break time='600s'/>hi</speak>", "<speak><break time='600s'/>hi</speak>"),
        ("[[inpt PHON]] a\x00b\x1b[2J\r\nc\u2028d\ud800", "[ [inpt PHON]] a b [2J c d"),
        ("Grüße, 世界", "Grüße, 世界"),
    ],
)
def test_a_program_hears_the_very_text(tmp_path: Path, places: str, text: str, heard: str) -> None:
    out = speak(text, tmp_path / "new" / "speech.wav", command=f"{program(tmp_path, SPEAKER)} {places}")
    assert said(out) == heard
    assert audio_format(out)[:2] == (22_050, 1)
    assert [file.name for file in out.parent.iterdir()] == ["speech.wav"]


def test_a_text_that_looks_like_an_option_is_none() -> None:
    assert fill("tts {text} --words={text} {out}", {"text": "--help", "out": "/o"}) == [
        "tts",
        " --help",
        "--words=--help",
        "/o",
    ]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [("", "nothing to say"), (" \n\x00\x07 ?!", "nothing to say"), ("la " * 33_000, "at most 10000")],
)
def test_a_text_that_cannot_be_said_is_refused_before_a_program_runs(tmp_path: Path, text: str, complaint: str) -> None:
    command = f"{program(tmp_path, 'raise SystemExit(1)')} {{out}}"
    with pytest.raises(EmoforgeError, match=complaint):
        speak(text, tmp_path / "s.wav", command=command)


def test_the_longest_text_is_said_whole(tmp_path: Path) -> None:
    text = "a" * MAX_CHARACTERS
    assert said(speak(text, tmp_path / "s.wav", command=f"{program(tmp_path, SPEAKER)} {{out}} text {{text}}")) == text


@pytest.mark.parametrize(
    ("command", "complaint"),
    [
        ("", "empty"),
        ("tts '{out}", "can't be read"),
        ("tts --to speech.wav", r"write \{out\}"),
        ("tts {out} {voice}", r"unknown place \{voice\}; known: \{out\}, \{text\}, \{text_file\}"),
        ("no-such-program {out}", "'no-such-program' is not installed"),
        ("env bash -c 'tts {text} {out}'", "gives the text to a shell"),
    ],
)
def test_a_command_that_cannot_work_is_refused(tmp_path: Path, command: str, complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        speak("hello", tmp_path / "s.wav", command=command)


@pytest.mark.parametrize(
    ("code", "complaint"),
    [
        ("import sys; sys.exit('first\\nno voice called \\x1b[31mbob')", r"failed: no voice called \[31mbob$"),
        ("raise SystemExit(7)", "ended with 7"),
        ("pass", "wrote no sound"),
        ("import sys; open(sys.argv[1], 'w').write('garbage ' * 99)", "no sound that can be read"),
        ("import os, sys; os.mkdir(sys.argv[1])", "wrote no sound"),
        (SPEAKER.replace("100 * byte", "0"), "silence"),
        (HANGS, r"took over 0.5 s"),
    ],
)
def test_a_program_that_fails_leaves_one_sentence_and_no_file(tmp_path: Path, code: str, complaint: str) -> None:
    with pytest.raises(EmoforgeError, match=complaint):
        speak("hello", tmp_path / "s.wav", command=f"{program(tmp_path, code)} {{out}} stdin -", limit_s=_limit(code))
    assert not (tmp_path / "s.wav").exists()


def _limit(code: str) -> float:
    return 0.5 if code == HANGS else 60.0


def test_what_hangs_is_ended_with_all_that_it_started(tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    later = f"import time; time.sleep(2); open({str(marker)!r}, 'w')"
    code = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {later!r}])"
    with pytest.raises(EmoforgeError, match="took over"):
        speak("hello", tmp_path / "s.wav", command=f"{program(tmp_path, code)} {{out}}", limit_s=1.0)
    time.sleep(2.5)
    assert not marker.exists()


def test_an_installed_program_speaks_without_a_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = f"{program(tmp_path, SPEAKER)} {{out}} stdin -"
    monkeypatch.setattr(speaking, "INSTALLED", {"no-such-program": "no-such-program {out}", sys.executable: first})
    assert said(speak("I am installed", tmp_path / "s.wav")) == "I am installed"


@pytest.mark.usefixtures("nothing_installed")
def test_without_any_program_the_way_to_one_is_named(tmp_path: Path) -> None:
    assert not can_speak()
    assert can_speak("tts {out}")
    with pytest.raises(EmoforgeError, match=r"pip install 'emoforge\[demo\]'"):
        speak("hello", tmp_path / "s.wav")


def test_the_library_of_the_extra_speaks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("espeakng_loader", reason="speaking without a program needs the extra emoforge[demo]")
    monkeypatch.setattr(speaking, "INSTALLED", {})
    short, long = (speak(text, tmp_path / f"{len(text)}.wav") for text in ("--help", "one two three four five six"))
    assert read_audio(short).std() > 0.01
    assert len(read_audio(long)) > 1.5 * len(read_audio(short))


@pytest.mark.skipif(shutil.which("espeak-ng") is None, reason="espeak-ng is not installed")
def test_espeak_speaks(tmp_path: Path) -> None:
    assert read_audio(speak("-v is no option", tmp_path / "s.wav")).std() > 0.01
