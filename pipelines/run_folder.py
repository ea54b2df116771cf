"""The folder that every command writes: resolved configuration, revision, versions, seed, log and artefacts."""

import fcntl
import importlib.metadata
import json
import logging
import platform
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from curate.errors import EmoforgeError
from pipelines.config import to_values

log = logging.getLogger(__name__)

REPORTED = ("numpy", "av", "pyarrow", "torch", "diffusers", "ray", "scenedetect", "ai-edge-litert")


@dataclass(frozen=True, kw_only=True)
class Run:
    """An open run folder; `done` when the same command already ended well in it."""

    path: Path
    done: bool


@contextmanager
def open_run(
    path: Path, *, command: str, config: Any, inputs: dict[str, Any], seed: int | None = None, always: bool = False
) -> Iterator[Run]:
    """Open (or make) the run folder at `path` for one command.

    The same command, configuration and inputs again: resumes, or finds itself done. Anything else in that folder is an
    EmoforgeError that says what differs. With `always` the command itself knows what is left to do. Two commands at
    once in one folder are refused.
    """
    wanted = {"command": command, "config": to_values(config), "inputs": inputs}
    _make(path)
    with _lock(path), _logging_to(path / "log.txt"):
        before = _read(path / "run.json")
        _check_same(before, wanted, path)
        done = before is not None and before.get("status") == "done" and not always
        if not done:
            _write_start(path, wanted, seed)
        yield Run(path=path, done=done)
        if not done:
            _finish(path)


def _make(path: Path) -> None:
    try:
        path.mkdir(parents=True, exist_ok=True)
        (path / ".lock").touch()
    except OSError as error:
        raise EmoforgeError(
            f"can't write to the output folder {path}: {error.strerror}; choose another --out"
        ) from error


@contextmanager
def _lock(path: Path) -> Iterator[None]:
    with (path / ".lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise EmoforgeError(
                f"another emoforge command is running in {path}; wait for it, or choose another --out"
            ) from error
        yield


@contextmanager
def _logging_to(path: Path) -> Iterator[None]:
    handler = logging.FileHandler(path, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    root, level = logging.getLogger(), logging.getLogger().level
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    try:
        yield
    finally:
        root.setLevel(level)
        root.removeHandler(handler)
        handler.close()


def _read(path: Path) -> dict[str, Any] | None:
    if not path.exists():
        return None
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise EmoforgeError(f"{path} can't be read ({error}); remove the folder or choose another --out") from error
    if not isinstance(record, dict):
        raise EmoforgeError(f"{path} is not a run's record; choose another --out")
    return record


def _check_same(before: dict[str, Any] | None, wanted: dict[str, Any], path: Path) -> None:
    if before is None:
        return
    if before.get("command") != wanted["command"]:
        raise EmoforgeError(f"{path} holds a run of 'emoforge {before.get('command')}'; choose another --out")
    earlier, now = (
        _flat(before.get("config", {}) | before.get("inputs", {})),
        _flat(wanted["config"] | wanted["inputs"]),
    )
    changed = [
        f"{key} was {earlier.get(key)!r}, now {now.get(key)!r}"
        for key in sorted(earlier | now)
        if earlier.get(key) != now.get(key)
    ]
    if changed:
        raise EmoforgeError(f"{path} was made with other settings ({'; '.join(changed[:3])}); choose another --out")


def _flat(values: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in values.items():
        flat |= _flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}": value}
    return flat


def _write_start(path: Path, wanted: dict[str, Any], seed: int | None) -> None:
    record = wanted | {
        "status": "running",
        "seed": seed,
        "argv": sys.argv[1:],
        "started_at": _now(),
        "revision": _revision(),
        "versions": {"emoforge": _version("emoforge"), "python": platform.python_version()}
        | {name: _version(name) for name in REPORTED},
    }
    (path / "config.yaml").write_text(yaml.safe_dump(wanted["config"], sort_keys=False), encoding="utf-8")
    _write(path, record)
    log.info("%s started in %s", wanted["command"], path)


def _finish(path: Path) -> None:
    record = _read(path / "run.json") or {}
    _write(path, record | {"status": "done", "ended_at": _now()})
    log.info("%s done", record.get("command"))


def _write(path: Path, record: dict[str, Any]) -> None:
    scratch = path / ".run.json.tmp"
    scratch.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    scratch.replace(path / "run.json")


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _revision() -> str | None:
    """The git commit of the code, when it runs from a checkout."""
    command = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty", "--abbrev=40"]
    try:
        ended = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)  # noqa: S603 - constant
    except OSError:
        return None
    return ended.stdout.strip() or None
