"""Executors: what one task does, crash, hang or raise, is its own failure; the rest is done all the same."""

import os
import signal
import time
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from curate.errors import WeightsError
from curate.outcomes import Task
from pipelines.executors import Budget, Failure, run_local, run_ray

BUDGET = Budget(wall_s=6.0, memory_gb=0.5)


def misbehave(task: Task, *, folder: Path) -> None:
    """Do what the task's uri says, or leave a file."""
    match task.uri:
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
    (folder / task.uri).touch()


def tasks(*uris: str) -> list[Task]:
    return [Task(partition=0, place=place, uri=uri) for place, uri in enumerate(uris)]


def reasons(ended: list[tuple[Task, Failure | None]]) -> dict[str, str | None]:
    return {task.uri: failure.reason if failure else None for task, failure in ended}


EXPECTED = {"a": None, "crash": "crashed", "b": None, "hang": "timed_out", "raise": "internal_error", "c": None}


def test_local_workers_are_replaced(tmp_path: Path) -> None:
    work = partial(misbehave, folder=tmp_path)
    ended = list(run_local(work, tasks(*EXPECTED, "eat"), workers=2, budget=BUDGET, log_file=tmp_path / "log"))
    assert reasons(ended) == EXPECTED | {"eat": "out_of_memory"}
    errors = {task.uri: failure.error for task, failure in ended if failure}
    assert "SIGSEGV" in errors["crash"]
    assert "what a hostile file" in errors["raise"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b", "c", "log"]


def test_what_every_source_would_raise_ends_the_run(tmp_path: Path) -> None:
    work = partial(misbehave, folder=tmp_path)
    with pytest.raises(WeightsError, match="can do without"):
        list(run_local(work, tasks("stop", "a"), workers=1, budget=BUDGET, log_file=tmp_path / "log"))


def test_leaving_early_leaves_no_process(tmp_path: Path) -> None:
    import multiprocessing

    work = partial(misbehave, folder=tmp_path)
    ended = run_local(work, tasks("a", "hang", "b"), workers=2, budget=BUDGET, log_file=tmp_path / "log")
    next(ended)
    ended.close()  # type: ignore[attr-defined]
    assert multiprocessing.active_children() == []


@pytest.mark.ray
def test_ray_gives_the_same(tmp_path: Path) -> None:
    ray = pytest.importorskip("ray")
    work = partial(misbehave, folder=tmp_path)
    try:
        ended = list(run_ray(work, tasks(*EXPECTED), workers=2, budget=BUDGET, address=None))
        assert reasons(ended) == EXPECTED
        with pytest.raises(WeightsError, match="can do without"):
            list(run_ray(work, tasks("stop"), workers=1, budget=BUDGET, address=None))
    finally:
        ray.shutdown()
