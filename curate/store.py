"""Where a run lies: a folder of this machine, or an address such as s3://bucket/corpus that fsspec opens.

Both give the same few operations, and both let a file appear whole or not at all, which is all that the commit
protocol relies on: a folder by fsync and rename, an object store because a put is one appearance. Files are named
relative to the run, with `/` between the parts. What goes wrong is an EmoforgeError in a sentence; a file that is
not there is a FileNotFoundError, as everywhere.
"""

import contextlib
import fcntl
import os
import re
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa

from curate.durable import sync
from curate.errors import EmoforgeError

SCRATCH = ".tmp-"  # how a folder's half-written files begin


class Store(Protocol):
    """What the commit protocol and the readers of a corpus need of a place."""

    def __hash__(self) -> int:
        """Equal places are the same store."""

    def uri(self, name: str = "") -> str:
        """Return the place (of a file) as a person would type it."""

    def writing(self, name: str) -> contextlib.AbstractContextManager[Path]:
        """Give a local file to write; on leaving well it is there under its name, whole and durable."""

    def write(self, name: str, content: bytes) -> None:
        """Write a file whole."""

    def read(self, name: str) -> bytes:
        """Return a file's bytes."""

    def read_all(self, names: Sequence[str]) -> list[bytes]:
        """Return several files' bytes, at once where that is faster."""

    def read_range(self, name: str, offset: int, size: int) -> bytes:
        """Return `size` bytes from `offset` in one read; fewer at the file's end."""

    def open(self, name: str) -> Any:
        """Open a file at random access, as pyarrow takes it."""

    def sizes(self, folder: str) -> dict[str, int]:
        """Return every file below a folder with its size in bytes, by one listing; none if it isn't there."""

    def exists(self, name: str) -> bool:
        """Whether there is such a file."""

    def delete(self, name: str) -> None:
        """Delete a file, or a folder with all that it holds, if it is there."""

    def tidy(self) -> None:
        """Remove what killed writers left half written; only for who holds the lock."""

    def lock(self) -> contextlib.AbstractContextManager[None]:
        """Be the only command that writes here; EmoforgeError when there is another."""


Place = Store | Path | str


def open_store(place: Place) -> Store:
    """Return the store at a path or an address; a store is returned as it is."""
    if not isinstance(place, str | Path):
        return place
    # a Path has made one slash of the two after the scheme
    address = re.fullmatch(r"([a-z][a-z0-9+.-]+):/+(.*)", str(place))
    if address is None:
        return Folder(path=Path(place))
    scheme, rest = address.groups()
    if scheme == "file":
        return Folder(path=Path("/" + rest))
    if "@" in rest.split("/")[0]:
        raise EmoforgeError(
            f"a {scheme}:// address with a user or a password in it would be written into logs and run.json; "
            "give credentials by the environment or the store's own configuration file"
        )
    from curate.bucket import Bucket  # which needs this file

    return Bucket(address=f"{scheme}://{rest.rstrip('/')}")


@dataclass(frozen=True, kw_only=True)
class Folder:
    """A folder of this machine's file system."""

    path: Path

    def uri(self, name: str = "") -> str:
        return str(self.path / name)

    @contextlib.contextmanager
    def writing(self, name: str) -> Iterator[Path]:
        file = self.path / name
        scratch = file.with_name(f"{SCRATCH}{os.getpid()}-{file.name}")
        with explained("write", self.uri(name)):
            _make_folder(file.parent)
            try:
                yield scratch
                sync(scratch)
                scratch.replace(file)
                sync(file.parent)
            except BaseException:
                with contextlib.suppress(OSError):
                    scratch.unlink(missing_ok=True)
                raise

    def write(self, name: str, content: bytes) -> None:
        with self.writing(name) as file:
            file.write_bytes(content)

    def read(self, name: str) -> bytes:
        with explained("read", self.uri(name), absent=True):
            return (self.path / name).read_bytes()

    def read_all(self, names: Sequence[str]) -> list[bytes]:
        return [self.read(name) for name in names]

    def read_range(self, name: str, offset: int, size: int) -> bytes:
        with explained("read", self.uri(name), absent=True), (self.path / name).open("rb", buffering=0) as file:
            file.seek(offset)
            return _read_exactly(file, size)

    def open(self, name: str) -> Any:
        with explained("read", self.uri(name), absent=True):
            return pa.memory_map(str(self.path / name))

    def sizes(self, folder: str) -> dict[str, int]:
        found = {}
        with explained("list", self.uri(folder)):
            for parent, _, names in os.walk(self.path / folder):
                inside = Path(parent).relative_to(self.path)
                for name in names:
                    if not name.startswith(SCRATCH):
                        found[(inside / name).as_posix()] = (Path(parent) / name).stat().st_size
        return found

    def exists(self, name: str) -> bool:
        return (self.path / name).is_file()

    def delete(self, name: str) -> None:
        path = self.path / name
        with explained("delete", self.uri(name)), contextlib.suppress(FileNotFoundError):
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()

    def tidy(self) -> None:
        for folder in (".", "shards", "work/*", "committed", "committed/*"):
            for scratch in self.path.glob(f"{folder}/{SCRATCH}*"):
                with contextlib.suppress(OSError):
                    scratch.unlink()

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            file = (self.path / ".lock").open("w")
        except OSError as error:
            text = f"can't write to the output folder {self.path}: {error.strerror}; choose another --out"
            raise EmoforgeError(text) from error
        with file:
            hold(file, self.uri())
            yield


def _make_folder(path: Path) -> None:
    """Make a folder that is there after a power cut, like the files in it."""
    if not path.is_dir():
        path.mkdir(parents=True, exist_ok=True)
        sync(path.parent)


def _read_exactly(file: Any, size: int) -> bytes:
    """Read until there are `size` bytes or the file ends: a system call gives at most 2 GiB."""
    content: bytes = file.read(size)
    while len(content) < size and (more := file.read(size - len(content))):
        content += more
    return content


@contextlib.contextmanager
def explained(verb: str, uri: str, *, absent: bool = False) -> Iterator[None]:
    """Turn what a disk or a store raises into one sentence; with `absent`, a missing file stays what it is."""
    try:
        yield
    except EmoforgeError:
        raise
    except Exception as error:
        if (absent and isinstance(error, FileNotFoundError)) or not _is_of_a_store(error):
            raise
        reason = (getattr(error, "strerror", None) or str(error) or type(error).__name__).splitlines()[0]
        raise EmoforgeError(f"can't {verb} {uri}: {reason}; once that is mended, the same command goes on") from error


def _is_of_a_store(error: Exception) -> bool:
    """Whether the system or a store's client raised it; our own mistakes must not look like theirs."""
    ours = (TypeError, KeyError, AttributeError, IndexError, AssertionError, ValueError, ArithmeticError)
    return isinstance(error, OSError) or not isinstance(error, ours)


def hold(file: Any, uri: str) -> None:
    """Lock an open file until it is closed; EmoforgeError, of the run at `uri`, when another process holds it."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        raise EmoforgeError(
            f"another emoforge command is running in {uri}; wait for it, or choose another --out"
        ) from error
