"""Turns what a user names (files, folders, globs, manifests, urls) into a list of sources."""

import glob
import logging
import os
from collections.abc import Iterable
from pathlib import Path

from curate.errors import ConfigError, EmoforgeError
from curate.fetchers import store
from curate.fetchers.contract import STORE_SCHEMES, WEB_SCHEMES, FetchError, scheme_of
from curate.manifest import is_manifest, read_manifest
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
    """Return an entry a source, in the order named and sorted inside a folder or glob, each once.

    A folder gives the files below it that bear a video's suffix and aren't hidden; a file named outright is always
    taken, and a .csv, .jsonl or .parquet file named outright is a manifest, whose lines are the sources. Urls are
    http(s)://, and `ytdlp:https://...` for a page; s3://, gs:// and hf:// name a video, a glob, or else a folder.
    EmoforgeError for what isn't there or can't be read, or when nothing is found at all; nothing is fetched.
    """
    named = list(named)
    found: dict[tuple[str, float | None, float | None], SourceEntry] = {}
    for name in named:
        entries = _entries(name)
        if not entries:
            log.warning("%s holds no video file", name)
        for entry in entries:
            found.setdefault((entry.uri, entry.start_s, entry.end_s), entry)
    if not found:
        raise EmoforgeError(f"no video file in {', '.join(named)}; looked for {' '.join(sorted(VIDEO_SUFFIXES))}")
    return list(found.values())


def _entries(name: str) -> list[SourceEntry]:
    scheme = scheme_of(name)
    if scheme in STORE_SCHEMES:
        return [SourceEntry(uri=uri) for uri in _in_store(name)]
    if scheme in (*WEB_SCHEMES, "ytdlp"):
        return [SourceEntry(uri=name)]
    if scheme is not None:
        schemes = ", ".join([*WEB_SCHEMES, *STORE_SCHEMES])
        raise ConfigError(f"{name}: {scheme} is none of the schemes {schemes}; a file is named by its path")
    return [entry for file in _expand(name) for entry in _of_file(file)]


def _of_file(file: Path) -> list[SourceEntry]:
    return read_manifest(file) if is_manifest(file) else [SourceEntry(uri=_uri(file))]


def _in_store(name: str) -> list[str]:
    """The videos that a url of an object store names; one that is named outright is not looked for yet."""
    if is_manifest(name):
        raise ConfigError(f"{name}: a manifest is read from a disk; copy it to one")
    is_glob = any(mark in name for mark in "*?[")
    if not is_glob and _is_video(name):
        return [name]
    try:
        files = store.list_files(name)
    except FetchError as error:
        raise EmoforgeError(f"{name} can't be listed: {error}") from error
    return [file for file in files if _is_video(file)]


def _is_video(name: str) -> bool:
    base = name.rpartition("/")[2]
    return Path(base).suffix.lower() in VIDEO_SUFFIXES and not base.startswith(".")


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
