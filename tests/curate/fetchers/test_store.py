"""Object stores: against a real S3 API on the loopback interface, and against drivers that hang, lie and fail."""

import hashlib
import io
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from curate.errors import EmoforgeError
from curate.fetch import FetchError, FetchRules, fetch
from curate.sources import list_sources
from tests.curate.hostile_server import VIDEO
from tests.object_store import bucket, failing_store

RULES = FetchRules(max_bytes=1 << 20, total_timeout_s=20.0, idle_timeout_s=10.0, retries=0, backoff_s=0.01)


@pytest.fixture(scope="module")
def place() -> Iterator[str]:
    """An address in a bucket with three videos and some other files below it."""
    with pytest.MonkeyPatch.context() as patch, bucket(patch) as address:
        import s3fs

        store = s3fs.S3FileSystem(use_listings_cache=False)
        for name in ("b.mp4", "a/c d.webm", "a/B.MOV", "a/notes.txt", "a/.hidden.mp4"):
            store.pipe(f"{address}/{name}", VIDEO if name == "b.mp4" else b"words")
        s3fs.S3FileSystem.clear_instance_cache()
        yield address


def failure(uri: str, folder: Path, rules: FetchRules = RULES) -> FetchError:
    with pytest.raises(FetchError) as caught:
        fetch(uri, folder=folder, rules=rules)
    assert list(folder.iterdir()) == []
    return caught.value


def test_an_object_arrives_whole(place: str, tmp_path: Path) -> None:
    got = fetch(f"{place}/b.mp4", folder=tmp_path, rules=RULES)
    digest = hashlib.sha256(VIDEO).hexdigest()
    assert (got.sha256, got.path, got.final_uri) == (digest, tmp_path / digest[:32], f"{place}/b.mp4")
    assert got.path.read_bytes() == VIDEO


def test_a_prefix_and_a_glob_list_their_videos(place: str) -> None:
    def names(name: str) -> list[str]:
        return [entry.uri.removeprefix(place) for entry in list_sources([name])]

    assert names(place) == ["/a/B.MOV", "/a/c d.webm", "/b.mp4"]
    assert names(f"{place}/a/") == ["/a/B.MOV", "/a/c d.webm"]
    assert names(f"{place}/**/*.webm") == ["/a/c d.webm"]
    assert names(f"{place}/b.mp4") == ["/b.mp4"]
    with pytest.raises(EmoforgeError, match="no video file"):
        list_sources([f"{place}/nothing/here"])


def test_what_an_object_is_not(place: str, tmp_path: Path) -> None:
    assert failure(f"{place}/gone.mp4", tmp_path).reason == "not_found"
    assert failure(f"{place}/a/notes.txt", tmp_path).reason == "not_media"
    few = FetchRules(max_bytes=1_000, retries=0)
    assert failure(f"{place}/b.mp4", tmp_path, few).reason == "too_many_bytes"


class Driver:
    """A store of one object, with what goes wrong when it is opened."""

    def __init__(self, said_bytes: int, opened: Any) -> None:
        self._said_bytes = said_bytes
        self._opened = opened

    def info(self, path: str) -> dict[str, int]:
        return {"size": self._said_bytes}

    def open(self, path: str, mode: str, **_: object) -> Any:
        return self._opened()


def fail() -> None:
    raise RuntimeError("the driver's own error")


@pytest.mark.parametrize(
    ("said_bytes", "opened", "reason", "transient"),
    [
        (10**12, fail, "too_many_bytes", False),
        (len(VIDEO), fail, "store_error", True),
        (len(VIDEO) + 1, lambda: io.BytesIO(VIDEO), "truncated", True),
        (len(VIDEO) - 1, lambda: io.BytesIO(VIDEO), "truncated", True),
        (10, lambda: io.BytesIO(VIDEO + bytes(2_000_000)), "too_many_bytes", False),
        (0, lambda: io.BytesIO(b""), "empty", False),
    ],
)
def test_a_driver_that_lies_or_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said_bytes: int, opened: Any, reason: str, transient: bool
) -> None:
    monkeypatch.setattr("curate.fetchers.store.fsspec.filesystem", lambda scheme: Driver(said_bytes, opened))
    error = failure("hf://datasets/a/b/v.mp4", tmp_path)
    assert (error.reason, error.transient) == (reason, transient)


def test_a_driver_that_hangs_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    end = threading.Event()
    monkeypatch.setattr("curate.fetchers.store.fsspec.filesystem", lambda scheme: Driver(10, lambda: end.wait(20)))
    before = time.monotonic()
    error = failure("gs://bucket/v.mp4", tmp_path, replace(RULES, idle_timeout_s=0.3))
    end.set()
    assert (error.reason, error.transient) == ("idle_timeout", True)
    assert time.monotonic() - before < 1.5


def test_a_driver_that_fails_once_is_asked_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter([fail, lambda: io.BytesIO(VIDEO)])
    driver = Driver(len(VIDEO), lambda: next(answers)())
    monkeypatch.setattr("curate.fetchers.store.fsspec.filesystem", lambda scheme: driver)
    rules = FetchRules(retries=1, backoff_s=0.01)
    assert fetch("s3://bucket/v.mp4", folder=tmp_path, rules=rules).path.read_bytes() == VIDEO


@pytest.mark.parametrize(
    ("status", "code", "reason", "transient"),
    [(403, "AccessDenied", "not_permitted", False), (404, "NoSuchBucket", "not_found", False)],
)
def test_what_a_store_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: int, code: str, reason: str, transient: bool
) -> None:
    pytest.importorskip("s3fs", reason="the S3 tests need s3fs")
    with failing_store(monkeypatch, status, code):
        error = failure("s3://bucket/v.mp4", tmp_path)
        assert (error.reason, error.transient) == (reason, transient)
        with pytest.raises(EmoforgeError, match=r"s3://bucket/folder .*can't be listed|no video file"):
            list_sources(["s3://bucket/folder"])
