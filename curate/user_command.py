"""A user's own command line, such as a speech program's: filled in, and run without a shell for a limited time."""

import os
import re
import selectors
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from curate.errors import ConfigError, EmoforgeError

SHELLS = frozenset({"sh", "bash", "dash", "zsh", "fish", "ksh", "cmd", "cmd.exe", "powershell", "pwsh"})
LONGEST_QUOTE = 300  # characters of what a program says
KEPT_BYTES = 4 * LONGEST_QUOTE  # of what it says, the last: a program that never stops talking fills no memory
LOOK_S = 0.02  # between two looks whether a silent program has ended


class TookTooLong(EmoforgeError):
    """A program was stopped at its time limit."""


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


def run_command(arguments: Sequence[str], *, limit_s: float, stdin: bytes = b"") -> str:
    """Run a program to its end and return the last line of its standard output, "" without one.

    After `limit_s` it is killed and TookTooLong raised; what it has started and left running is killed in any case.
    EmoforgeError quotes the last line of its standard error when it fails.
    """
    program = find_program(arguments[0])
    if program is None:
        raise ConfigError(f"the program {arguments[0]!r} is not installed; install it, or name another command")
    with tempfile.TemporaryFile() as asked:
        asked.write(stdin)
        asked.seek(0)
        code, answer, complaint = _run([program, *arguments[1:]], asked.fileno(), limit_s)
    if code != 0:
        raise EmoforgeError(f"{arguments[0]} failed: {_last_line(complaint) or f'it ended with {code}'}")
    return _last_line(answer)


def _run(command: list[str], stdin: int, limit_s: float) -> tuple[int, bytes, bytes]:
    """The exit status and the ends of standard output and standard error."""
    try:
        program = subprocess.Popen(  # noqa: S603 - the user's own program, no shell
            command, stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
        )
    except OSError as error:
        raise ConfigError(f"the program {command[0]} can't be run: {error.strerror or error}") from error
    with program:
        try:
            answer, complaint = _listen(program, Path(command[0]).name, limit_s)
        finally:
            with suppress(ProcessLookupError, PermissionError):  # macOS says the latter of a group of zombies
                os.killpg(program.pid, signal.SIGKILL)  # not reaped yet, so that the number is still its own
        return program.wait(), answer, complaint


def _listen(program: subprocess.Popen[bytes], name: str, limit_s: float) -> tuple[bytes, bytes]:
    """Read both outputs until the program has ended and is silent, whoever else still holds them open."""
    deadline = time.monotonic() + limit_s
    said = {pipe.fileno(): b"" for pipe in (program.stdout, program.stderr) if pipe}
    with selectors.DefaultSelector() as selector:
        for pipe in said:
            selector.register(pipe, selectors.EVENT_READ)
        while (ready := selector.select(LOOK_S)) or not _has_ended(program):
            if time.monotonic() > deadline:
                raise TookTooLong(f"{name} was stopped: it took over {limit_s:g} s")
            for key, _ in ready:
                block = os.read(key.fd, 1 << 16)
                said[key.fd] = (said[key.fd] + block)[-KEPT_BYTES:]
                if not block:
                    selector.unregister(key.fd)
    answer, complaint = said.values()
    return answer, complaint


def _has_ended(program: subprocess.Popen[bytes]) -> bool:
    """Whether it has, leaving it to be reaped."""
    return os.waitid(os.P_PID, program.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _last_line(said: bytes) -> str:
    lines = [line for line in said.decode(errors="replace").splitlines() if line.strip()]
    line = lines[-1].strip() if lines else ""
    return "".join(character for character in line if character.isprintable())[-LONGEST_QUOTE:]
