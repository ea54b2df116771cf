"""Object stores (s3://, gs://, hf://) through fsspec: one file copied, or the videos below a prefix listed."""

import queue
import threading
from collections.abc import Iterator
from typing import Any, Self

import fsspec

from curate.fetchers.arrival import Arrival
from curate.fetchers.contract import STORE_SCHEMES, Deadline, Facts, FetchError

_BLOCK_BYTES = 1 << 20
_PACKAGES = {"gs": "emoforge[gs]", "hf": "emoforge[hf]", "s3": "emoforge[s3]"}


def copy(uri: str, *, arrival: Arrival, deadline: Deadline, idle_timeout_s: float) -> Facts:
    """Copy one object into `arrival`, in blocks of which each must come within the idle time-out."""
    arrival.restart()
    store, path = _open(uri)
    with _Reader(store, path, deadline=deadline, idle_timeout_s=idle_timeout_s) as reader:
        total = int(reader.next())
        arrival.expect(total)
        while block := reader.next():
            arrival.append(block)
    if arrival.size_bytes != total:
        raise FetchError("truncated", f"{arrival.size_bytes} of {total} bytes arrived", transient=True)
    return Facts(final_uri=uri)


def list_files(uri: str) -> list[str]:
    """Return the uris of every file below a prefix, or that a glob matches, sorted; FetchError when it can't be."""
    store, path = _open(uri)
    try:
        found = store.glob(path) if any(mark in path for mark in "*?[") else store.find(path)
    except Exception as error:  # each store's driver has errors of its own
        raise _named(error, uri) from error
    scheme = uri.partition("://")[0]
    return [f"{scheme}://{name}" for name in sorted(found)]


def _open(uri: str) -> tuple[Any, str]:
    """Return the file system and the path in it; only s3, gs and hf, and none of fsspec's chained `::` urls."""
    scheme, _, path = uri.partition("://")
    if scheme not in STORE_SCHEMES or "::" in uri:
        raise FetchError("forbidden_scheme", f"{uri[:200]!r} is none of {', '.join(STORE_SCHEMES)}")
    if not path.strip("/"):
        raise FetchError("bad_url", f"{uri!r} names nothing in the store")
    try:
        return fsspec.filesystem(scheme), path
    except ImportError as error:
        raise FetchError("driver_missing", f"{scheme}:// needs a package: pip install {_PACKAGES[scheme]}") from error


class _Reader:
    """A context in which a thread reads an object, since drivers have no time-out that could be relied on.

    `next` gives its size in digits, then its blocks, then b"". A thread that hangs is left behind.
    """

    def __init__(self, store: Any, path: str, *, deadline: Deadline, idle_timeout_s: float) -> None:
        self._deadline = deadline
        self._idle_timeout_s = idle_timeout_s
        self._read: queue.Queue[bytes | Exception] = queue.Queue(maxsize=2)
        self._left = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(store, path), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._left.set()

    def next(self) -> bytes:
        try:
            item = self._read.get(timeout=self._deadline.cap(self._idle_timeout_s))
        except queue.Empty:
            self._deadline.cap(0)
            raise FetchError("idle_timeout", "the store stopped answering", transient=True) from None
        if isinstance(item, Exception):
            raise _named(item, "the object") from item
        return item

    def _run(self, store: Any, path: str) -> None:
        try:
            for item in _blocks(store, path):
                self._put(item)
                if self._left.is_set():
                    return
        except Exception as error:  # noqa: BLE001 - each store's driver has errors of its own; `next` names them
            self._put(error)

    def _put(self, item: bytes | Exception) -> None:
        while not self._left.is_set():
            try:
                self._read.put(item, timeout=1.0)
            except queue.Full:
                continue
            return


def _blocks(store: Any, path: str) -> Iterator[bytes]:
    yield b"%d" % (store.info(path)["size"] or 0)
    with store.open(path, "rb", block_size=4 * _BLOCK_BYTES) as file:
        while block := file.read(_BLOCK_BYTES):
            yield block
    yield b""


def _named(error: Exception, what: str) -> FetchError:
    text = f"{what}: {error or type(error).__name__}"
    if isinstance(error, FileNotFoundError | IsADirectoryError):
        return FetchError("not_found", text)
    if isinstance(error, PermissionError) or type(error).__name__ == "NoCredentialsError":
        return FetchError("not_permitted", text)
    return FetchError("store_error", text, transient=True)
