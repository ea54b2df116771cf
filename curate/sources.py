"""Turns what a user names (files, folders, globs) into a list of source uris."""

import glob
import logging
import os
from collections.abc import Iterable
from pathlib import Path

from curate.errors import EmoforgeError
from curate.records import SourceEntry

log = logging.getLogger(__name__)

VIDEO_SUFFIXES = frozenset(
    [
        ".3gp",
        ".avi",
        ".flv",
        ".m2ts",
        ".m4v",
        ".mkv",
        ".mov",
        ".mp4",
        ".mpeg",
        ".mpg",
        ".mts",
        ".mxf",
        ".ogv",
        ".ts",
        ".vob",
        ".webm",
        ".wmv",
    ]
)


def list_sources(named: Iterable[str]) -> list[SourceEntry]:
    """Return an entry a file, in the order named and sorted inside a folder or glob, each once.

    A folder gives the files below it that bear a video's suffix and aren't hidden; a file named outright is always
    taken. EmoforgeError for a path that doesn't exist, or when nothing is found at all.
    """
    found: dict[str, None] = {}
    for name in named:
        files = _expand(name)
        if not files:
            log.warning("%s holds no video file", name)
        found |= dict.fromkeys(_uri(file) for file in files)
    if not found:
        raise EmoforgeError(f"no video file in {', '.join(named)}; looked for {' '.join(sorted(VIDEO_SUFFIXES))}")
    return [SourceEntry(uri=uri) for uri in found]


def _uri(file: Path) -> str:
    """The absolute path as text; a name that is not UTF-8 is spelt out, can't be opened, and so is accounted for."""
    return os.fsencode(file.absolute()).decode("utf-8", "backslashreplace")


def _expand(name: str) -> list[Path]:
    path = Path(name)
    if path.is_dir():
        files = (file for file in path.rglob("*") if not file.name.startswith("."))
        return sorted(file for file in files if file.suffix.lower() in VIDEO_SUFFIXES and file.is_file())
    if path.is_file():
        return [path]
    if path.exists():
        raise EmoforgeError(f"{name} is neither a file nor a folder")
    matches = sorted(glob.glob(name, recursive=True))  # noqa: PTH207 - Path.glob takes no absolute pattern
    if not matches:
        raise EmoforgeError(f"no such file or folder: {name}")
    return [file for match in matches for file in _expand(match)]
