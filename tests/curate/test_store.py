"""Folders and buckets do the same: a file is there whole or not at all, one command writes, errors are one sentence."""

import errno
import json
import os
import pickle
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from curate import store as store_module
from curate.bucket import LEASE, Bucket
from curate.errors import EmoforgeError
from curate.store import Folder, Store, open_store
from tests.object_store import SECRET, bucket, failing_store, point_to


@pytest.fixture(params=["folder", "s3"])
def place(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    """An empty place of each kind."""
    if request.param == "folder":
        yield open_store(tmp_path / "run")
        return
    with bucket(monkeypatch) as address:
        yield open_store(address)


def test_what_is_written_is_read_listed_and_deleted(place: Store) -> None:
    place.write("a/one.bin", b"0123456789")
    place.write("a/b/two.bin", b"")
    place.write("three.bin", b"3")
    assert place.read("a/one.bin") == b"0123456789"
    assert place.read_range("a/one.bin", 3, 4) == b"3456"
    assert place.read_range("a/one.bin", 8, 4) == b"89", "no more than there is"
    assert place.read_all(["three.bin", "a/one.bin"]) == [b"3", b"0123456789"]
    assert place.read_all(["three.bin"]) == [b"3"]
    assert place.read_all([]) == []
    assert place.sizes("a") == {"a/one.bin": 10, "a/b/two.bin": 0}
    assert place.sizes("nowhere") == {}
    place.delete("a")
    place.delete("never there")
    assert not place.exists("a/one.bin")
    assert place.exists("three.bin")


def test_a_file_that_is_not_there_is_a_file_not_found(place: Store) -> None:
    for read in (place.read, place.open, lambda name: place.read_range(name, 0, 1)):
        with pytest.raises(FileNotFoundError):
            read("nothing")


def test_a_new_version_is_seen_at_once(place: Store) -> None:
    for content in (b"one", b"three"):
        place.write("folder/file", content)
        assert place.read("folder/file") == content
        assert place.sizes("folder") == {"folder/file": len(content)}


def test_pyarrow_reads_from_it(place: Store) -> None:
    table = pa.table({"a": list(range(1000)), "b": ["x" * 50] * 1000})
    with place.writing("t.parquet") as file:
        pq.write_table(table, file)
    assert pq.read_table(place.open("t.parquet"), columns=["a"]) == table.select(["a"])


def test_what_fails_in_the_middle_leaves_nothing_and_the_old_file(place: Store) -> None:
    place.write("file", b"old")

    def broken() -> None:
        with place.writing("file") as path:
            path.write_bytes(b"ne")
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))

    with pytest.raises(EmoforgeError, match=r"can't write .*file: No space left on device; once"):
        broken()
    assert place.read("file") == b"old"
    assert set(place.sizes("")) == {"file"}
    if isinstance(place, Folder):
        assert [path.name for path in place.path.iterdir()] == ["file"]


def test_tidying_removes_what_is_half_written_and_nothing_else(tmp_path: Path) -> None:
    place = open_store(tmp_path)
    for folder in ("", "shards/", "work/00000/", "committed/", "committed/00000/"):
        place.write(f"{folder}whole", b"")
        (tmp_path / f"{folder}.tmp-1-half").touch()
    before = place.sizes("")
    place.tidy()
    assert place.sizes("") == before
    assert not list(tmp_path.rglob(".tmp*"))


def test_a_store_goes_to_another_process(place: Store) -> None:
    place.write("file", b"content")
    code = "import pickle, sys; print(pickle.loads(sys.stdin.buffer.read()).read('file').decode())"
    ended = subprocess.run([sys.executable, "-c", code], input=pickle.dumps(place), capture_output=True, check=True)
    assert ended.stdout == b"content\n"
    assert pickle.loads(pickle.dumps(place)) == place  # noqa: S301 - our own


def test_one_command_at_a_time(place: Store) -> None:
    with place.lock(), pytest.raises(EmoforgeError, match="another emoforge command is running"), place.lock():
        pass
    with place.lock():
        pass


def test_addresses_and_paths() -> None:
    assert open_store("s3://bucket/a/b/") == Bucket(address="s3://bucket/a/b")
    assert open_store(Path("s3://bucket/a/b")) == Bucket(address="s3://bucket/a/b"), "argparse makes a Path of it"
    assert open_store("gs://bucket").uri("x") == "gs://bucket/x"
    assert open_store("file:///tmp/x") == Folder(path=Path("/tmp/x"))  # noqa: S108 - nothing is written
    assert open_store("C/a:b") == Folder(path=Path("C/a:b"))
    assert open_store(Folder(path=Path("x"))) == Folder(path=Path("x"))


def test_an_address_with_credentials_is_refused_without_repeating_them() -> None:
    with pytest.raises(EmoforgeError, match="user or a password") as refused:
        open_store("s3://someone:hidden@bucket/x")
    assert "hidden" not in str(refused.value)


def test_an_unknown_kind_of_store_is_named() -> None:
    with pytest.raises(EmoforgeError, match=r"nosuch://x can't be opened: .*nosuch"):
        open_store("nosuch://x").read("file")


@pytest.mark.parametrize("code", [errno.EROFS, errno.EACCES, errno.EDQUOT])
def test_a_disk_that_refuses_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    place = open_store(tmp_path)

    def refuse(path: Path) -> None:
        raise OSError(code, os.strerror(code), str(path))

    monkeypatch.setattr(store_module, "sync", refuse)
    with pytest.raises(EmoforgeError, match=os.strerror(code)):
        place.write("file", b"content")
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_can_not_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        pytest.raises(EmoforgeError, match=r"can't write to the output folder .*file/run: Not a directory"),
        open_store(tmp_path / "file" / "run").lock(),
    ):
        pass


@pytest.mark.parametrize(
    ("status", "code", "said"),
    [
        (500, "InternalError", "the store says InternalError"),
        (503, "ServiceUnavailable", "the store says ServiceUnavailable"),
        (403, "AccessDenied", "the store says AccessDenied"),
        (403, "InvalidAccessKeyId", "the store says InvalidAccessKeyId"),
        (404, "NoSuchBucket", "the store says NoSuchBucket"),
    ],
)
def test_a_store_that_refuses_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch, status: int, code: str, said: str
) -> None:
    with failing_store(monkeypatch, status, code):
        place = open_store("s3://bucket/run")
        with pytest.raises(EmoforgeError, match=f"can't write s3://bucket/run/file: {said}") as refused:
            place.write("file", b"content")
        assert "\n" not in str(refused.value)
        with pytest.raises(EmoforgeError, match=f"can't write s3://bucket/run/lease.json: {said}"), place.lock():
            pass


def test_a_store_that_is_not_there_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    point_to(monkeypatch, "http://127.0.0.1:9")
    with pytest.raises(EmoforgeError, match=r"can't read s3://bucket/run/file: .*127\.0\.0\.1:9") as refused:
        open_store("s3://bucket/run").read("file")
    assert SECRET not in str(refused.value)


def test_no_credentials_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    point_to(monkeypatch, "http://127.0.0.1:9")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with pytest.raises(EmoforgeError, match="credentials"):
        open_store("s3://bucket/run").read("file")


def test_a_lease_of_another_machine_is_respected_and_says_how_to_break_it(monkeypatch: pytest.MonkeyPatch) -> None:
    with bucket(monkeypatch) as address:
        place = open_store(address)
        place.write(LEASE, json.dumps({"host": "far away", "process": 7, "since": "then"}).encode())
        with (
            pytest.raises(EmoforgeError, match=rf"process 7 of far, since then.* delete {address}/{LEASE}"),
            place.lock(),
        ):
            pass
        assert place.exists(LEASE)
        place.delete(LEASE)
        with place.lock():
            assert json.loads(place.read(LEASE))["process"] == os.getpid()
        assert not place.exists(LEASE)


def test_a_lease_of_a_killed_command_of_this_machine_is_taken_over(monkeypatch: pytest.MonkeyPatch) -> None:
    with bucket(monkeypatch) as address:
        code = (
            "import os, signal, sys; from curate.store import open_store\n"
            "with open_store(sys.argv[1]).lock(): os.kill(os.getpid(), signal.SIGKILL)"
        )
        killed = subprocess.run([sys.executable, "-c", code, address], check=False)
        assert killed.returncode == -9
        place = open_store(address)
        assert place.exists(LEASE)
        with place.lock():
            assert json.loads(place.read(LEASE))["process"] == os.getpid()
        assert not place.exists(LEASE)
