"""Executors: what one task does, crash, hang or raise, is its own failure; the rest is done all the same."""

import os
import signal
import time
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from curate.errors import WeightsError
from curate.hosts import HostGate
from curate.outcomes import Task
from curate.records import SourceEntry
from pipelines.local_pool import run_local
from pipelines.ray_pool import run_ray
from pipelines.stages import Answer, Budget, Ended, Failure, Rest, Stage, run_stages

BUDGET = Budget(wall_s=6.0, memory_gb=0.5)


def misbehave(task: Task, *, folder: Path) -> None:
    """Do what the task's uri says, or leave a file."""
    match task.entry.uri:
        case "crash":
            os.kill(os.getpid(), signal.SIGSEGV)
        case "hang":
            time.sleep(600)
        case "raise":
            raise ValueError("what a hostile file made the parser say")
        case "eat":
            np.ones(1 << 30)
        case "stop":
            raise WeightsError("no source can do without these weights")
    (folder / task.entry.uri).touch()


def tasks(*uris: str) -> list[Task]:
    return [Task(partition=0, place=place, entry=SourceEntry(uri=uri)) for place, uri in enumerate(uris)]


def reasons(ended: list[tuple[Task, Failure | None]]) -> dict[str, str | None]:
    return {task.entry.uri: failure.reason if failure else None for task, failure in ended}


def stage(folder: Path, *, workers: int = 2) -> list[Stage[Task]]:
    return [Stage(name="misbehave", work=partial(misbehave, folder=folder), workers=workers, budget=BUDGET)]


EXPECTED = {"a": None, "crash": "crashed", "b": None, "hang": "timed_out", "raise": "internal_error", "c": None}


def test_local_workers_are_replaced(tmp_path: Path) -> None:
    ended = list(run_local(stage(tmp_path, workers=2), tasks(*EXPECTED, "eat"), log_file=tmp_path / "log"))
    assert reasons(ended) == EXPECTED | {"eat": "out_of_memory"}
    errors = {task.entry.uri: failure.error for task, failure in ended if failure}
    assert "SIGSEGV" in errors["crash"]
    assert "what a hostile file" in errors["raise"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b", "c", "log"]


def test_what_every_source_would_raise_ends_the_run(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="can do without"):
        list(run_local(stage(tmp_path, workers=1), tasks("stop", "a"), log_file=tmp_path / "log"))


def test_leaving_early_leaves_no_process(tmp_path: Path) -> None:
    import multiprocessing

    ended = run_local(stage(tmp_path, workers=2), tasks("a", "hang", "b"), log_file=tmp_path / "log")
    next(ended)
    ended.close()  # type: ignore[attr-defined]
    assert multiprocessing.active_children() == []


@pytest.mark.ray
def test_ray_gives_the_same(tmp_path: Path) -> None:
    ray = pytest.importorskip("ray")
    try:
        ended = list(run_ray(stage(tmp_path, workers=2), tasks(*EXPECTED), address=None))
        assert reasons(ended) == EXPECTED
        with pytest.raises(WeightsError, match="can do without"):
            list(run_ray(stage(tmp_path, workers=1), tasks("stop"), address=None))
    finally:
        ray.shutdown()


class _ByHand:
    """A pool whose tasks end at once, in the order begun; it notes what began, and what the test says of it."""

    def __init__(self, answers: dict[tuple[int, str], Answer] | None = None) -> None:
        self.begun: list[tuple[int, str]] = []
        self.most_at_once = 0
        self._running: list[tuple[int, Task]] = []
        self._answers = answers or {}
        self._lost: set[str] = set()

    def start(self, number: int, task: Task) -> None:
        self.begun.append((number, task.entry.uri))
        self._running.append((number, task))
        self.most_at_once = max(self.most_at_once, len(self._running))

    def ended(self, timeout_s: float) -> list[Ended[Task]]:
        if not self._running:
            time.sleep(0.01)
            return []
        number, task = self._running.pop(0)
        if task.entry.uri == "lost" and "lost" not in self._lost:
            self._lost.add("lost")
            return [Ended(stage=number, task=task, answer=True, again=True)]
        return [Ended(stage=number, task=task, answer=self._answers.get((number, task.entry.uri), True))]


def nothing(task: Task) -> None:
    """Never called: the pool is by hand."""


def two_stages(gate: HostGate | None = None) -> list[Stage[Task]]:
    """Fetch what begins with a host, then curate."""
    host = {"a1": "a", "a2": "a", "a3": "a", "b1": "b"}
    fetch = Stage[Task](
        name="fetch", work=nothing, workers=8, budget=BUDGET, gate=gate,
        applies=lambda task: task.entry.uri in host, host_of=lambda task: host.get(task.entry.uri),
    )  # fmt: skip
    return [fetch, Stage[Task](name="curate", work=nothing, workers=2, budget=BUDGET)]


def test_tasks_go_through_the_stages_that_apply() -> None:
    failure = Failure(reason="crashed", error="")
    pool = _ByHand({(0, "a2"): False, (0, "b1"): failure})
    done = list(run_stages(two_stages(), tasks("a1", "local", "a2", "b1"), pool))
    assert reasons(done) == {"a1": None, "local": None, "a2": None, "b1": "crashed"}
    assert sorted(pool.begun) == [(0, "a1"), (0, "a2"), (0, "b1"), (1, "a1"), (1, "local")]


def test_a_lost_task_is_done_again() -> None:
    pool = _ByHand()
    done = list(run_stages(two_stages(), tasks("lost", "local"), pool))
    assert reasons(done) == {"lost": None, "local": None}
    assert pool.begun.count((1, "lost")) == 2


def test_a_host_is_asked_as_its_gate_allows() -> None:
    pool = _ByHand()
    gate = HostGate(max_per_host=1, min_interval_s=0.2)
    began = time.monotonic()
    done = list(run_stages(two_stages(gate), tasks("a1", "a2", "a3", "b1"), pool))
    assert len(done) == 4
    assert time.monotonic() - began >= 0.4, "three fetches of one host lie 0.2 s apart"
    assert pool.begun.index((0, "b1")) < pool.begun.index((0, "a2")), "another host need not wait"


def test_a_host_that_asks_for_a_rest_gets_it() -> None:
    pool = _ByHand({(0, "a1"): Rest(seconds=0.4)})
    gate = HostGate(max_per_host=1, min_interval_s=0.0)
    began = time.monotonic()
    done = list(run_stages(two_stages(gate), tasks("a1", "a2", "b1"), pool))
    assert reasons(done) == {"a1": None, "a2": None, "b1": None}
    assert time.monotonic() - began >= 0.4
    assert (1, "a1") not in pool.begun, "the task ended with the rest"


def test_no_more_is_fetched_than_can_be_used() -> None:
    """With two curating at a time, fetched sources don't pile up on the disk."""

    class Slow(_ByHand):
        def ended(self, timeout_s: float) -> list[Ended[Task]]:
            self._running.sort(key=lambda running: running[0])  # fetches end first
            waiting = sum(n == 0 for n, _ in self.begun) - sum(n == 1 for n, _ in self.begun)
            assert waiting <= 8 + 2 + 2
            return super().ended(timeout_s)

    pool = Slow()
    many = [Stage[Task](name="fetch", work=nothing, workers=8, budget=BUDGET), two_stages()[1]]
    assert len(list(run_stages(many, tasks(*map(str, range(100))), pool))) == 100
