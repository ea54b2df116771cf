"""A user's own command line, such as a speech program's: filled in, and run without a shell for a limited time."""

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from curate.errors import ConfigError, EmoforgeError

SHELLS = frozenset({"sh", "bash", "dash", "zsh", "fish", "ksh", "cmd", "cmd.exe", "powershell", "pwsh"})
LONGEST_QUOTE = 300  # characters of what a program says


def fill(template: str, values: Mapping[str, str]) -> list[str]:
    """Return the arguments of `template`, each `{name}` in them replaced by its value, whatever is in that.

    A value stays one argument, and one that begins an argument never reads as an option: a dash gets a space before
    it. ConfigError for a template that is empty, has an open quote, or names an unknown place.
    """
    try:
        words = shlex.split(template)
    except ValueError as error:
        raise ConfigError(f"the command {template!r} can't be read: {error}") from error
    if not words:
        raise ConfigError("the command is empty; name a program and its arguments")
    for name in placeholders(template):
        if name not in values:
            known = ", ".join(f"{{{name}}}" for name in values)
            raise ConfigError(f"the command {template!r} has the unknown place {{{name}}}; known: {known}")
    return [re.sub(r"\{(\w+)\}", lambda match: _kept_apart(values[match[1]], match), word) for word in words]


def placeholders(template: str) -> set[str]:
    """Return the names in braces."""
    return set(re.findall(r"\{(\w+)\}", template))


def _kept_apart(value: str, match: re.Match[str]) -> str:
    return f" {value}" if match.start() == 0 and value.startswith("-") else value


def names_shell(template: str) -> bool:
    """Say whether a shell is among the command's words, which would read values as code."""
    return any(Path(word).name.lower() in SHELLS for word in shlex.split(template))


def find_program(name: str) -> str | None:
    """Return the path of an installed program: on PATH, or a script beside this Python."""
    return shutil.which(name) or shutil.which(name, path=str(Path(sys.executable).parent))


def run_command(arguments: Sequence[str], *, limit_s: float, stdin: bytes = b"") -> None:
    """Run a program to its end; EmoforgeError quotes the last line of its standard error when it fails.

    After `limit_s` it is killed with all that it started.
    """
    program = find_program(arguments[0])
    if program is None:
        raise ConfigError(f"the program {arguments[0]!r} is not installed; install it, or name another command")
    with tempfile.TemporaryFile() as asked, tempfile.TemporaryFile() as said:
        asked.write(stdin)
        asked.seek(0)
        try:
            code = _run([program, *arguments[1:]], asked.fileno(), said.fileno(), limit_s)
        except OSError as error:
            raise ConfigError(f"the program {program} can't be run: {error.strerror or error}") from error
        except subprocess.TimeoutExpired as error:
            raise EmoforgeError(f"{arguments[0]} was stopped: it took over {limit_s:g} s") from error
        if code != 0:
            said.seek(max(0, said.seek(0, os.SEEK_END) - 4 * LONGEST_QUOTE))
            raise EmoforgeError(f"{arguments[0]} failed: {_last_line(said.read()) or f'it ended with {code}'}")


def _run(command: list[str], stdin: int, stderr: int, limit_s: float) -> int:
    program = subprocess.Popen(  # noqa: S603 - the user's own program, no shell
        command, stdin=stdin, stdout=subprocess.DEVNULL, stderr=stderr, start_new_session=True
    )
    try:
        return program.wait(limit_s)
    finally:
        if program.poll() is None:
            with suppress(ProcessLookupError):
                os.killpg(program.pid, signal.SIGKILL)
            program.wait()


def _last_line(said: bytes) -> str:
    lines = [line for line in said.decode(errors="replace").splitlines() if line.strip()]
    line = lines[-1].strip() if lines else ""
    return "".join(character for character in line if character.isprintable())[-LONGEST_QUOTE:]
