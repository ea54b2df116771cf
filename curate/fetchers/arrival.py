"""A file that is arriving: counted, capped, sniffed and hashed on its way, and named by its content once whole."""

import hashlib
import os
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Self

from curate.durable import sync
from curate.fetchers.containers import HEAD_BYTES, check_media
from curate.fetchers.contract import FetchError


class Arrival:
    """A context: a new file `.tmp-fetch-*` in `folder`, gone at the end unless `keep` has renamed it.

    OSError from the disk is let through: a full disk is no fault of the source.
    """

    def __init__(self, folder: Path, *, max_bytes: int) -> None:
        self.folder = folder
        handle, name = tempfile.mkstemp(dir=folder, prefix=".tmp-fetch-")
        self._path = Path(name)
        self._file = os.fdopen(handle, "wb")
        self._max_bytes = max_bytes
        self.restart()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._path.unlink(missing_ok=True)  # first, since closing writes what is left and may fail on a full disk
        self._file.close()

    def restart(self) -> None:
        """Forget what has arrived so far."""
        self._file.seek(0)
        self._file.truncate()
        self._hash = hashlib.sha256()
        self._head = b""
        self._sniffed = False
        self.size_bytes = 0

    def expect(self, size_bytes: int) -> None:
        """FetchError `too_many_bytes` when a size that was declared is over the cap already."""
        if size_bytes > self._max_bytes:
            raise FetchError("too_many_bytes", f"it has {size_bytes} bytes, over the limit of {self._max_bytes}")

    def append(self, data: bytes) -> None:
        """Take more bytes; FetchError `too_many_bytes` over the cap, `not_media` once the first ones say so."""
        self.expect(self.size_bytes + len(data))
        if not self._sniffed:
            self._head += data[:HEAD_BYTES]
            self._sniff(enough=HEAD_BYTES)
        self._file.write(data)
        self._hash.update(data)
        self.size_bytes += len(data)

    def keep(self) -> tuple[Path, str]:
        """Name the file by the first 32 hex digits of its sha256; return its path and the whole sha256.

        FetchError `empty` or `not_media` when that is what it is.
        """
        self._sniff(enough=0)
        self._file.flush()
        sync(self._path)
        sha256 = self._hash.hexdigest()
        path = self._path.with_name(sha256[:32])
        self._path.replace(path)
        return path, sha256

    def _sniff(self, *, enough: int) -> None:
        if not self._sniffed and len(self._head) >= enough:
            check_media(self._head)
            self._sniffed = True
