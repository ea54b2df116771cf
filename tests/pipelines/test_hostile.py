"""The hostile set: every source ends in a recorded outcome within its budget, nothing is opened that isn't its own."""

import ctypes
import hashlib
import json
import os
import re
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from curate.media_writing import write_video
from pipelines.curate_config import CurateConfig
from tests.conftest import pan, pulsed_tone
from tests.curate.hostile_server import Site, hostile_site
from tests.pipelines.hostile_files import FAILURES, Hostile, make_hostile_files

pytestmark = [pytest.mark.usefixtures("face_weights"), pytest.mark.slow, pytest.mark.timeout(900)]

WALL_S, MEMORY_GB = 60.0, 3.0  # libraries map a gigabyte that they never touch
# the portrait's mouth stands still and its sound is a tone: only its length and its size decide
SETTINGS = [
    *(f"--keep.{name}.{bound}={value}" for name in sorted(CurateConfig().keep.keys() - {"duration_s", "face_size"})
      for bound, value in (("min", "null"), ("max", "null"), ("optional", "true"))),
    "--keep.face_size.min=60", "--encode.size_px=128", f"--limits.wall_s={WALL_S}", f"--limits.memory_gb={MEMORY_GB}",
    "--workers=2",
]  # fmt: skip


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with hostile_site() as site:
        yield site


@pytest.fixture(scope="module")
def secret(tmp_path_factory: pytest.TempPathFactory, portrait: NDArray[np.uint8]) -> Path:
    """A video that only playlists name."""
    file = tmp_path_factory.mktemp("secret") / "secret.mp4"
    write_video(file, pan(portrait, 80), audio=pulsed_tone(3.2))
    return file


@pytest.fixture(scope="module")
def hostile(
    tmp_path_factory: pytest.TempPathFactory, portrait: NDArray[np.uint8], secret: Path, site: Site
) -> list[Hostile]:
    return make_hostile_files(tmp_path_factory.mktemp("h") / "files", portrait, secret=secret, url=site.url)


def test_every_hostile_source_ends_in_an_outcome(
    hostile: list[Hostile], secret: Path, site: Site, tmp_path: Path
) -> None:
    folder = hostile[0].file.parent
    odd_name = os.fsencode(folder) + b"/caf\xe9.mp4"
    Path(os.fsdecode(odd_name)).write_bytes(b"no video")
    manifest = tmp_path / "manifest.jsonl"
    manifest.write_text(
        "".join(json.dumps({"uri": str(source.file)}) + "\n" for source in hostile if not source.listed)
    )
    before, temporary = fingerprints(folder), set(Path(tempfile.gettempdir()).glob("emoforge-*"))
    started = time.monotonic()
    with opened(secret) as was_opened:
        outcomes = curate(folder, manifest, out=tmp_path / "run")
        assert not was_opened(), "a playlist was followed to a file"
    assert site.asked == [], "a playlist was followed to an address"
    assert len(hostile) >= 60
    assert len(outcomes) == len(hostile) + 1
    assert outcomes.pop(re.sub("\udce9", r"\\xe9", os.fsdecode(odd_name)))[1] in ("unreadable", "not_media")
    surprises = {
        source.file.name: outcomes[str(source.file)]
        for source in hostile
        if not source.may_end(*outcomes[str(source.file)][:2])
    }
    assert not surprises
    assert outcomes[str(folder / "good.mp4")][0] == "kept"
    assert time.monotonic() - started < WALL_S * len(hostile) / 2
    assert fingerprints(folder) == before, "a source was changed"
    assert set(Path(tempfile.gettempdir()).glob("emoforge-*")) == temporary
    assert left_over(tmp_path / "run") == []
    assert not processes_that_name(tmp_path / "run")


def test_looked_at_in_full_they_end_too(hostile: list[Hostile], tmp_path: Path) -> None:
    """Without the look at the keyframes, every packet of what can be opened at all is decoded."""
    slow = {"four_hours.mp4", "four_hours_one_keyframe.mp4", "32_megapixels_each.mov", "timescale_0.mp4"}
    files = [source.file for source in hostile if source.listed and source.file.name not in slow]
    outcomes = curate(*files, out=tmp_path / "run", more=["--score_all=true"])
    assert len(outcomes) == len(files)
    failed = {Path(uri).name: end for uri, end in outcomes.items() if end[1] in FAILURES}
    assert not failed
    assert outcomes[str(hostile[0].file)][0] == "kept"


def curate(*sources: Path, out: Path, more: Iterable[str] = ()) -> dict[str, tuple[str, str, str]]:
    """Run the command; return (outcome, reason, error) by uri."""
    command = [sys.executable, "-m", "pipelines", "curate", *map(str, sources), "--out", str(out), *SETTINGS, *more]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=840, check=False)
    assert ended.returncode == 0, ended.stderr[-3000:]
    table = pd.read_parquet(out / "outcomes.parquet")
    assert table.uri.is_unique
    return {row.uri: (row.outcome, row.reason, row.error) for row in table.itertuples()}


def fingerprints(folder: Path) -> dict[str, tuple[str, int, int]]:
    """sha256, mtime and mode of every plain file."""
    files = [file for file in folder.iterdir() if file.is_file() and not file.is_symlink() and os.access(file, os.R_OK)]
    found = {}
    for file in files:
        state = file.stat()
        found[file.name] = (hashlib.sha256(file.read_bytes()).hexdigest(), state.st_mtime_ns, state.st_mode)
    return found


def left_over(run: Path) -> list[str]:
    """Files that a run needs only as long as it goes on."""
    files = [file for file in run.rglob("*") if file.is_file()]
    return [
        str(file) for file in files if ".tmp" in file.name or {"fetched", "work"} & set(file.relative_to(run).parts)
    ]


def processes_that_name(run: Path) -> list[str]:
    """Command lines of processes that still work for the run."""
    lines = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            opened_files = [str(link.readlink()) for link in (file.parent / "fd").iterdir()]
        except OSError:
            continue
        if any(name.startswith(str(run)) for name in opened_files):
            lines.append(file.read_text())
    return lines


IN_OPEN = 0x20


@contextmanager
def opened(file: Path) -> Iterator[Callable[[], bool]]:
    """Watch whether anybody opens a file, with the kernel's inotify."""
    libc = ctypes.CDLL(None, use_errno=True)
    watch = libc.inotify_init1(os.O_NONBLOCK)
    if watch < 0 or libc.inotify_add_watch(watch, os.fsencode(file), IN_OPEN) < 0:
        pytest.skip("this system can't tell who opens a file")

    def was_opened() -> bool:
        try:
            return len(os.read(watch, 4096)) >= struct.calcsize("iIII")
        except BlockingIOError:
            return False

    file.open("rb").close()
    assert was_opened(), "the watch sees what is opened"
    try:
        yield was_opened
    finally:
        os.close(watch)
