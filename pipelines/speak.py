"""Text in, speech out: by the user's own program, or by one that is installed.

Without a command these are tried in this order: `espeak-ng`, `espeak`, macOS' `say`, and the espeak-ng library of the
extra `demo`. Piper sounds better, but has no voice until one is chosen, so it is used by a command that names one.
"""

import importlib.util
import subprocess
import tempfile
import unicodedata
from pathlib import Path

from curate.errors import ConfigError, EmoforgeError
from curate.user_command import fill, find_program, names_shell, placeholders, run_command

MAX_CHARACTERS = 10_000  # about ten minutes of speech
SPEAKING_TAKES_S = 300.0
INSTALLED = {
    "espeak-ng": "espeak-ng -b 1 --stdin -w {out}",
    "espeak": "espeak -b 1 --stdin -w {out}",
    "say": "say --file-format=WAVE --data-format=LEI16@22050 -f {text_file} -o {out}",
}
LIBRARY = "espeakng_loader"


def speak(text: str, out: Path, *, command: str | None = None, limit_s: float = SPEAKING_TAKES_S) -> Path:
    """Write `text` as speech to the WAV file `out` and return it.

    `command` is a program and its arguments: `{out}` is the file to write, and the text comes on standard input, or as
    `{text_file}` or `{text}`. No shell reads it. Raises EmoforgeError for text without words, or over 10 000
    characters, for a program that is missing, fails or takes over `limit_s`, and for output that is no sound.
    """
    words = speakable(text)
    if command is not None:
        _check(command)
    with tempfile.TemporaryDirectory(prefix="emoforge-speak-") as scratch:
        template = command or installed_command()
        if template is None:
            _speak_by_library(words, out)
        else:
            _speak_by_command(words, out, template, Path(scratch), limit_s)
    return out


def can_speak(command: str | None = None) -> bool:
    """Say whether speak() has a program for it."""
    return command is not None or installed_command() is not None or importlib.util.find_spec(LIBRARY) is not None


def installed_command() -> str | None:
    """Return the command of the first installed program that speaks."""
    return next((template for name, template in INSTALLED.items() if find_program(name)), None)


def speakable(text: str) -> str:
    """Return the text as plain words: no control characters, and no brackets that speech programs take for commands."""
    if len(text) > MAX_CHARACTERS:
        raise EmoforgeError(
            f"the text to say has {len(text)} characters; at most {MAX_CHARACTERS} can be said (about ten minutes)"
        )
    plain = "".join(" " if unicodedata.category(c) in ("Cc", "Zl", "Zp") else c for c in text if _is_text(c))
    words = " ".join(plain.replace("[[", "[ [").split())
    if not any(character.isalnum() for character in words):
        raise EmoforgeError(f"there is nothing to say in the text {text[:40]!r}; write some words")
    return words


def _is_text(character: str) -> bool:
    return unicodedata.category(character) not in ("Cs", "Co", "Cn")


def _check(command: str) -> None:
    """Refuse a command that can't work, before anything is run."""
    fill(command, dict.fromkeys(("out", "text", "text_file"), ""))
    if "out" not in placeholders(command):
        raise ConfigError(f"the speech command {command!r} must say where its sound goes: write {{out}} in it")
    if "text" in placeholders(command) and names_shell(command):
        raise ConfigError(
            f"the speech command {command!r} gives the text to a shell, which would run what is in it; "
            "use {text_file}, or read standard input"
        )


def _speak_by_command(words: str, out: Path, template: str, scratch: Path, limit_s: float) -> None:
    import numpy as np

    from pipelines.sound_files import read_made, write_wav

    written, text_file = scratch / "speech.wav", scratch / "text.txt"
    text_file.write_text(words, encoding="utf-8")
    arguments = fill(template, {"out": str(written), "text": words, "text_file": str(text_file)})
    run_command(arguments, limit_s=limit_s, stdin=words.encode())
    samples, rate_hz = read_made(written, maker=arguments[0])
    if not np.any(samples):
        raise EmoforgeError(f"{arguments[0]} wrote silence for the text {words[:40]!r}; it may not know the language")
    write_wav(out, samples, rate_hz)


def _speak_by_library(words: str, out: Path) -> None:
    if importlib.util.find_spec(LIBRARY) is None:
        raise EmoforgeError(
            f"no speech program is installed (looked for {', '.join(INSTALLED)} and the package espeakng-loader); "
            "install one, for example: pip install 'emoforge[demo]', or name your own command"
        )
    from pipelines.sample_corpus.speech import SAMPLE_RATE_HZ, Voice
    from pipelines.sample_corpus.speech import speak as espeak
    from pipelines.sound_files import write_wav

    try:
        samples = espeak(words, Voice(voice="en-us"))
    except subprocess.TimeoutExpired as error:
        raise EmoforgeError(f"espeak-ng was stopped: it took over {error.timeout:g} s; say less at a time") from error
    write_wav(out, samples[None], SAMPLE_RATE_HZ)
