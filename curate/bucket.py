"""A run on an object store: what fsspec opens by an address such as s3://bucket/corpus."""

import contextlib
import hashlib
import json
import logging
import os
import socket
import tempfile
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa

from curate.errors import EmoforgeError
from curate.store import explained, hold

log = logging.getLogger(__name__)

LEASE = "lease.json"


@dataclass(frozen=True, kw_only=True)
class Bucket:
    """A folder of an object store, at `address`; its credentials are fsspec's business and never come near here."""

    address: str

    def uri(self, name: str = "") -> str:
        return f"{self.address}/{name}".rstrip("/")

    @contextlib.contextmanager
    def writing(self, name: str) -> Iterator[Path]:
        with (
            explained("write", self.uri(name)),
            tempfile.TemporaryDirectory(prefix="emoforge-") as folder,
        ):
            file = Path(folder) / Path(name).name
            yield file
            self._files().put_file(str(file), self.uri(name))

    def write(self, name: str, content: bytes) -> None:
        with explained("write", self.uri(name)):
            self._files().pipe_file(self.uri(name), content)

    def read(self, name: str) -> bytes:
        with explained("read", self.uri(name), absent=True):
            return bytes(self._files().cat_file(self.uri(name)))

    def read_all(self, names: Sequence[str]) -> list[bytes]:
        if not names:
            return []
        files = self._files()
        with explained("read", self.uri(), absent=True):
            keys = [str(files._strip_protocol(self.uri(name))) for name in names]
            contents = files.cat(keys, on_error="raise")
            return [contents[key] for key in keys] if isinstance(contents, dict) else [contents]

    def read_range(self, name: str, offset: int, size: int) -> bytes:
        with explained("read", self.uri(name), absent=True):
            return bytes(self._files().cat_file(self.uri(name), start=offset, end=offset + size))

    def open(self, name: str) -> Any:
        with explained("read", self.uri(name), absent=True):
            # no read-ahead: pyarrow knows which bytes it wants, and asks for them in large pieces
            return pa.PythonFile(self._files().open(self.uri(name), "rb", cache_type="none"), mode="r")

    def sizes(self, folder: str) -> dict[str, int]:
        files = self._files()
        with explained("list", self.uri(folder)):
            root = len(str(files._strip_protocol(self.address))) + 1
            found = files.find(self.uri(folder), detail=True)
        return {path[root:]: int(info["size"]) for path, info in found.items() if info["type"] == "file"}

    def exists(self, name: str) -> bool:
        with explained("read", self.uri(name)):
            return bool(self._files().exists(self.uri(name)))

    def delete(self, name: str) -> None:
        with explained("delete", self.uri(name)), contextlib.suppress(FileNotFoundError):
            self._files().rm(self.uri(name), recursive=True)

    def tidy(self) -> None:
        """A put that was cut off left no object behind."""

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the lease: an object that only one can create, and this machine's own lock beside it.

        The second tells whether the holder of a lease of this machine is dead, so that a killed run goes on by itself.
        """
        key = hashlib.sha256(self.address.encode()).hexdigest()[:16]
        with (Path(tempfile.gettempdir()) / f"emoforge-{os.getuid()}-{key}.lock").open("a") as file:
            hold(file, self.uri())
            mine = self._take_lease()
            try:
                yield
            finally:
                self._return_lease(mine)

    def _take_lease(self) -> bytes:
        here = _this_machine()
        holder = {"host": here, "process": os.getpid(), "since": _now(), "key": uuid.uuid4().hex}
        mine = json.dumps(holder).encode()
        if self._create(LEASE, mine):
            return mine
        other = _holder(self.read(LEASE))
        if other.get("host") != here:
            who = f"process {other.get('process')} of {str(other.get('host')).split(' ')[0]}"
            raise EmoforgeError(
                f"another emoforge command ({who}, since {other.get('since')}) is writing to {self.uri()}; "
                f"wait for it; if it has died, delete {self.uri(LEASE)} and run the same command again"
            )
        log.info("taking over the lease of process %s, which has died", other.get("process"))
        self.write(LEASE, mine)
        return mine

    def _return_lease(self, mine: bytes) -> None:
        try:
            if self.read(LEASE) == mine:
                self.delete(LEASE)
        except (EmoforgeError, FileNotFoundError) as error:
            log.warning("the lease could not be returned: %s", error)

    def _create(self, name: str, content: bytes) -> bool:
        """Write an object unless it is there already, in one step where the store has one; whether it was written."""
        with explained("write", self.uri(name)):
            try:
                self._files().pipe_file(self.uri(name), content, mode="create")
            except FileExistsError:
                return self.read(name) == content  # a retried request finds its own object
            except (NotImplementedError, TypeError, OSError) as error:
                with contextlib.suppress(EmoforgeError):  # the first error says more than this one
                    if self.exists(name):
                        return False
                if isinstance(error, OSError) and "implement" not in str(error).lower():
                    raise
                log.warning("%s can't create an object only once; see that one command at a time writes", self.address)
                self._files().pipe_file(self.uri(name), content)
        return True

    def _files(self) -> Any:
        """fsspec keeps one file system a process and address; listings are never taken from its memory."""
        import fsspec

        try:
            return fsspec.core.url_to_fs(self.address, use_listings_cache=False)[0]
        except (ImportError, ValueError) as error:
            raise EmoforgeError(f"{self.address} can't be opened: {error}") from error


def _this_machine() -> str:
    """The host's name and which boot of it: a name alone may be given to two containers."""
    boot = Path("/proc/sys/kernel/random/boot_id")
    return f"{socket.gethostname()} {boot.read_text().strip() if boot.exists() else ''}".strip()


def _holder(lease: bytes) -> dict[str, Any]:
    try:
        holder = json.loads(lease)
    except ValueError:
        return {}
    return holder if isinstance(holder, dict) else {}


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
