"""Runs that are killed, or robbed of a node or of their disk, end with what an undisturbed run makes."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from curate.media_writing import write_video
from curate.store import open_store
from pipelines.curate import CurateConfig
from tests.conftest import pan, pulsed_tone
from tests.object_store import SECRET, bucket

pytestmark = [pytest.mark.usefixtures("face_weights"), pytest.mark.slow, pytest.mark.timeout(900)]

# the portrait's mouth stands still and its sound is a tone: only its length and its size decide
SETTINGS = [
    *(f"--keep.{name}.{bound}={value}" for name in sorted(CurateConfig().keep.keys() - {"duration_s", "face_size"})
      for bound, value in (("min", "null"), ("max", "null"), ("optional", "true"))),
    "--keep.face_size.min=60", "--partition_size=2", "--encode.size_px=128",
]  # fmt: skip
WHO = ("worker", "driver", "all")
IN_THE_MIDDLE = "with outcomes there and others missing"
KILLS = 50
KILLS_A_RUN = 8
STARTS_IN_S, ENDS_IN_S = 1.0, 8.0  # about when a run of these videos begins to work, and when it is over
Snapshot = dict[str, tuple[int, int]]


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory, portrait: NDArray[np.uint8]) -> Path:
    """Seven files: three good, a duplicate, no face, too short, and a text."""
    folder = tmp_path_factory.mktemp("videos")
    mirrored = portrait[:, ::-1].copy()
    write_video(folder / "a_good.mp4", pan(portrait, 80), audio=pulsed_tone(3.2))
    write_video(folder / "b_no_face.mp4", pan(np.full_like(portrait, 90), 50))
    write_video(folder / "c_good.mp4", pan(mirrored, 80), audio=pulsed_tone(3.2))
    shutil.copy(folder / "a_good.mp4", folder / "d_duplicate.mp4")
    write_video(folder / "e_short.mp4", pan(portrait, 50), audio=pulsed_tone(2.0))
    (folder / "f_text.mp4").write_text("no video at all")
    write_video(folder / "g_good.mp4", pan(portrait[::-1].copy()[::-1], 90), audio=pulsed_tone(3.6))
    return folder


@pytest.fixture(scope="module")
def reference(videos: Path, tmp_path_factory: pytest.TempPathFactory, face_weights: None) -> dict[str, bytes]:
    """What a run holds that nobody disturbed."""
    run = tmp_path_factory.mktemp("reference") / "run"
    ended = subprocess.run(command(videos, run), capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    table = pd.read_parquet(run / "outcomes.parquet")
    assert Counter(table.outcome) == {"kept": 3, "rejected": 3, "quarantined": 1}
    return held(run)


def command(videos: Path, run: Path | str, *more: str) -> list[str]:
    return [
        sys.executable,
        "-m",
        "pipelines",
        "curate",
        str(videos),
        "--out",
        str(run),
        "--workers",
        "2",
        *SETTINGS,
        *more,
    ]


def held(run: Path | str) -> dict[str, bytes]:
    """The plan, the commits, the shards and the tables."""
    store = open_store(run)
    lasting = [name for name in store.sizes("") if name.endswith((".parquet", ".jsonl"))]
    lasting += [name for name in store.sizes("committed") if name.endswith(".json")]
    return {name: store.read(name) for name in lasting}


def test_killed_fifty_times_it_ends_the_same(videos: Path, reference: dict[str, bytes], tmp_path: Path) -> None:
    """Kills of a worker, of the driver, and of all at once, at seeded random times, in runs of a few kills each."""
    chance = random.Random(0)
    kills: Counter[str] = Counter()
    n_runs = 0
    while _total(kills) < KILLS:
        run = tmp_path / f"run{n_runs}"
        killed = _killed_until_done(command(videos, run), run, chance)
        assert held(run) == reference, f"run {n_runs}, after {dict(killed)}"
        assert not list(run.rglob("*.tmp*"))
        kills, n_runs = kills + killed, n_runs + 1
    assert min(kills[what] for what in (*WHO, IN_THE_MIDDLE)) > 5, kills


def _total(kills: Counter[str]) -> int:
    return sum(kills[who] for who in WHO)


def _killed_until_done(argv: list[str], run: Path, chance: random.Random) -> Counter[str]:
    """Run a command until it ends by itself, killing some of its processes each time."""
    kills: Counter[str] = Counter()
    before: Snapshot = {}
    for _ in range(60):
        attempt = Attempt(argv=argv)
        plan = _kills(chance) if _total(kills) < KILLS_A_RUN else []
        kills += attempt.killed_at(plan)
        orphans_go_on = chance.random() < 0.2
        if attempt.process.poll() is None or not orphans_go_on:
            attempt.wait()
        now = _snapshot(run)
        _check_untouched(before, now, run)
        if attempt.process.returncode == 0:
            return kills
        assert attempt.process.returncode == -signal.SIGKILL, attempt.said()
        kills[IN_THE_MIDDLE] += bool(now)
        before = {} if orphans_go_on else now  # an orphan may still be writing what it was at
    pytest.fail("the run never came to its end")


def _kills(chance: random.Random) -> list[tuple[float, str]]:
    """Who is to be killed when, seconds after the start: often a worker, then the driver or all."""
    end = chance.uniform(STARTS_IN_S, ENDS_IN_S)
    workers = [(chance.uniform(STARTS_IN_S, end), "worker")] if chance.random() < 0.8 else []
    return [*workers, (end, chance.choice(["driver", "all"]))]


def _snapshot(run: Path) -> Snapshot:
    """Which files of a run are there for good, each with its inode and time."""
    commits = sorted((run / "committed").glob("*.json"))
    names = {name for commit in commits for name in json.loads(commit.read_text())["files"]}
    lasting = [*commits, *(run / name for name in names), *(run / "work").glob("*/[0-9]*.parquet")]
    return {str(path.relative_to(run)): (path.stat().st_ino, path.stat().st_mtime_ns) for path in lasting}


def _check_untouched(before: Snapshot, now: Snapshot, run: Path) -> None:
    """Nothing is written twice: no outcome, which is to say that nothing was scored again, and nothing committed."""
    assert {name: now[name] for name in before if name in now} == {n: s for n, s in before.items() if n in now}
    for name in before.keys() - now.keys():
        partition = name.split("/")[1]
        assert name.startswith("work/"), f"{name} was committed and went away"
        assert (run / "committed" / f"{partition}.json").exists(), f"{name} was lost before its partition was committed"


@dataclass
class Attempt:
    """One run of a command in a session of its own, so that its workers are found after it has died."""

    argv: list[str]
    process: "subprocess.Popen[bytes]" = field(init=False)

    def __post_init__(self) -> None:
        self.process = subprocess.Popen(
            self.argv, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )
        self.started = time.monotonic()

    def killed_at(self, plan: list[tuple[float, str]]) -> Counter[str]:
        """Kill as planned, as long as the run goes on; count what was hit."""
        hit: Counter[str] = Counter()
        for at_s, who in plan:
            try:
                self.process.wait(timeout=max(0.0, self.started + at_s - time.monotonic()))
            except subprocess.TimeoutExpired:
                hit[who] += self._kill(who)
        return hit

    def wait(self) -> None:
        """Wait until the command has ended, and every process that it left."""
        self.process.wait()
        deadline = time.monotonic() + 60
        while self._members() and time.monotonic() < deadline:
            time.sleep(0.05)
        assert not self._members(), "a worker outlives its driver"

    def said(self) -> str:
        assert self.process.stderr is not None
        return self.process.stderr.read().decode()

    def _kill(self, who: str) -> int:
        workers = [pid for pid in self._members() if b"spawn_main" in _command_line(pid)]
        if who == "all":
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        elif who == "driver":
            self.process.kill()
            self.process.wait()
        elif workers:
            os.kill(workers[-1], signal.SIGKILL)
        return int(who != "worker" or bool(workers))

    def _members(self) -> list[int]:
        pids = [int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()]
        return [pid for pid in pids if _session(pid) == self.process.pid and _command_line(pid)]


def _session(pid: int) -> int | None:
    try:
        return os.getsid(pid)
    except OSError:
        return None


def _command_line(pid: int) -> bytes:
    """A process' command; nothing of one that has ended and waits to be asked after."""
    try:
        return (Path("/proc") / str(pid) / "cmdline").read_bytes()
    except OSError:
        return b""


@pytest.mark.ray
def test_a_lost_node_costs_only_what_it_was_doing(videos: Path, reference: dict[str, bytes], tmp_path: Path) -> None:
    ray = pytest.importorskip("ray")
    from ray.cluster_utils import Cluster

    run = tmp_path / "run"
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "object_store_memory": 100 << 20})
    try:
        lost = cluster.add_node(num_cpus=1, object_store_memory=100 << 20)
        argv = command(videos, run, "--executor", "ray", "--ray-address", cluster.address)
        process = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        _wait_for(lambda: any(run.glob("work/*/[0-9]*.parquet")) or process.poll() is not None)
        assert process.poll() is None, process.communicate()[1].decode()
        before = _snapshot(run)
        cluster.remove_node(lost, allow_graceful=False)
        said = process.communicate(timeout=300)[1].decode()
        assert process.returncode == 0, said
        _check_untouched(before, _snapshot(run), run)
        assert held(run) == reference
    finally:
        cluster.shutdown()  # type: ignore[no-untyped-call]
        ray.shutdown()


def _wait_for(happened: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 180
    while not happened() and time.monotonic() < deadline:
        time.sleep(0.01)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """A file system of its own, whose options (size=..., ro) can be changed; needs the right to mount one."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "tmpfs", place], capture_output=True, check=False)
    if mounted.returncode:
        pytest.skip("only root can mount a small disk")

    def change(options: str) -> Path:
        subprocess.run(["mount", "-o", f"remount,{options}", place], check=True)
        return place / "run"

    yield change
    subprocess.run(["umount", place], check=True)


@pytest.mark.parametrize(
    ("refusing", "mended", "reason"),
    [("size=60k", "size=1g", "No space left on device"), ("ro", "rw", "Read-only file system")],
)
def test_a_disk_that_is_full_or_read_only_stops_the_run_which_then_goes_on(
    videos: Path,
    reference: dict[str, bytes],
    small_disk: Callable[[str], Path],
    refusing: str,
    mended: str,
    reason: str,
) -> None:
    run = small_disk(refusing)
    ended = subprocess.run(command(videos, run), capture_output=True, text=True, check=False)
    _check_one_sentence(ended, reason)
    run = small_disk(mended)
    ended = subprocess.run(command(videos, run), capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    assert held(run) == reference


def _check_one_sentence(ended: "subprocess.CompletedProcess[str]", reason: str) -> None:
    """The command ended with a message of one line (the progress bar has its own) and without a traceback."""
    assert ended.returncode in (1, 2), ended.stderr
    assert "Traceback" not in ended.stderr
    assert "Logging error" not in ended.stderr
    said = [line for line in ended.stderr.splitlines() if line.startswith("emoforge curate:")]
    assert len(said) == 1, ended.stderr
    assert reason in said[0]


def test_a_run_on_a_bucket_holds_the_same_and_goes_on_after_a_kill(
    videos: Path, reference: dict[str, bytes], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with bucket(monkeypatch) as address:
        argv = command(videos, address)
        attempt = Attempt(argv=argv)
        store = open_store(address)
        _wait_for(lambda: bool(store.sizes("work")) or attempt.process.poll() is not None)
        assert attempt.killed_at([(0.0, "all")]) == {"all": 1}, attempt.said()
        there = set(store.sizes("work")) | set(store.sizes("committed"))
        assert there
        ended = subprocess.run(argv, capture_output=True, text=True, check=False)
        assert ended.returncode == 0, ended.stderr
        assert held(address) == reference
        names = store.sizes("")
        assert {"report.html", "run.json", "config.yaml", "log.txt"} <= set(names)
        assert not [name for name in names if name.startswith(("work/", "lease"))]
        everything: list[Any] = [store.read(name) for name in names]
        assert not any(SECRET.encode() in content for content in (*everything, ended.stderr.encode()))


def test_a_bucket_that_is_not_there_is_one_sentence(
    videos: Path, monkeypatch: pytest.MonkeyPatch, face_weights: None
) -> None:
    with bucket(monkeypatch) as address:
        nowhere = address.replace("corpora", "nowhere")
        ended = subprocess.run(command(videos, nowhere), capture_output=True, text=True, check=False)
        _check_one_sentence(ended, "bucket does not exist")
