"""The folder that every command writes: resolved configuration, revision, versions, seed, log and artefacts."""

import importlib.metadata
import json
import logging
import platform
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from curate.errors import EmoforgeError
from curate.store import Folder, Place, Store, open_store
from pipelines.config import to_values

log = logging.getLogger(__name__)

RECORD, LOG = "run.json", "log.txt"
REPORTED = ("numpy", "av", "pyarrow", "torch", "diffusers", "ray", "scenedetect", "ai-edge-litert")


@dataclass(frozen=True, kw_only=True)
class Run:
    """An open run: `store` is where it lies; `done` when the same command already ended well in it.

    `path` is its folder. A run on an object store has one on this machine as long as it is open; what is in it at the
    end (log.txt, workers.log, report.html, ...) is then copied to the store.
    """

    path: Path
    store: Store
    done: bool


@contextmanager
def open_run(
    place: Place, *, command: str, config: Any, inputs: dict[str, Any], seed: int | None = None, always: bool = False
) -> Iterator[Run]:
    """Open (or make) the run at a folder or an address such as s3://bucket/corpus for one command.

    The same command, configuration and inputs again: resumes, or finds itself done. Anything else in that folder is an
    EmoforgeError that says what differs. With `always` the command itself knows what is left to do. Two commands at
    once in one folder are refused.
    """
    wanted = {"command": command, "config": to_values(config), "inputs": inputs}
    store = open_store(place)
    with store.lock(), _folder_of(store) as path, _logging_to(path / LOG):
        before = _read(store)
        _check_same(before, wanted, store.uri())
        done = before is not None and before.get("status") == "done" and not always
        if not done:
            _write_start(store, wanted, seed)
        yield Run(path=path, store=store, done=done)
        if not done:
            _copy(path.rglob("*"), path, store)
            _finish(store)


@contextmanager
def _folder_of(store: Store) -> Iterator[Path]:
    """Give the run's own folder, or one of this machine whose logs are copied to the store however the run ends."""
    if isinstance(store, Folder):
        yield store.path
        return
    with tempfile.TemporaryDirectory(prefix="emoforge-run-") as folder:
        path = Path(folder)
        if store.exists(LOG):
            (path / LOG).write_bytes(store.read(LOG))
        try:
            yield path
        finally:
            with suppress(EmoforgeError):  # what ended the run is what the user has to know
                _copy(path.glob("*log*"), path, store)


def _copy(files: Iterable[Path], folder: Path, store: Store) -> None:
    """Copy a run's files from this machine to where it lies, if that is another place."""
    if not isinstance(store, Folder):
        for file in sorted(path for path in files if path.is_file()):
            store.write(file.relative_to(folder).as_posix(), file.read_bytes())


class _LogFile(logging.FileHandler):
    """A log that says nothing when it can't be written: a full disk is reported once, by what stops at it."""

    def handleError(self, record: logging.LogRecord) -> None:
        pass

    def close(self) -> None:
        with suppress(OSError):
            super().close()


@contextmanager
def _logging_to(path: Path) -> Iterator[None]:
    handler = _LogFile(path, encoding="utf-8")
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


def _read(store: Store) -> dict[str, Any] | None:
    try:
        record = json.loads(store.read(RECORD))
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise EmoforgeError(
            f"{store.uri(RECORD)} can't be read ({error}); remove the folder or choose another --out"
        ) from error
    if not isinstance(record, dict):
        raise EmoforgeError(f"{store.uri(RECORD)} is not a run's record; choose another --out")
    return record


def _check_same(before: dict[str, Any] | None, wanted: dict[str, Any], path: str) -> None:
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


def _write_start(store: Store, wanted: dict[str, Any], seed: int | None) -> None:
    record = wanted | {
        "status": "running",
        "seed": seed,
        "argv": sys.argv[1:],
        "started_at": _now(),
        "revision": _revision(),
        "versions": {"emoforge": _version("emoforge"), "python": platform.python_version()}
        | {name: _version(name) for name in REPORTED},
    }
    store.write("config.yaml", yaml.safe_dump(wanted["config"], sort_keys=False).encode())
    _write(store, record)
    log.info("%s started in %s", wanted["command"], store.uri())


def _finish(store: Store) -> None:
    record = _read(store) or {}
    _write(store, record | {"status": "done", "ended_at": _now()})
    log.info("%s done", record.get("command"))


def _write(store: Store, record: dict[str, Any]) -> None:
    store.write(RECORD, json.dumps(record, indent=2).encode() + b"\n")


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
