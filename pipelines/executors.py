"""Executors only schedule: the same function over the same tasks, in local processes or on a Ray cluster.

Each task is done in a process that can be killed: over its time it is, and a crash of native code ends that process
and no other. Both give (task, None) or (task, Failure) as tasks end, in any order.
"""

import logging
import multiprocessing
import os
import resource
import signal
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any, Generic, TypeVar

from curate.errors import EmoforgeError

log = logging.getLogger(__name__)

Task = TypeVar("Task")  # whatever a worker can be sent


@dataclass(frozen=True, kw_only=True)
class Failure:
    """Why a task has no outcome: `timed_out`, `crashed`, `out_of_memory` or `internal_error`, and what was said."""

    reason: str
    error: str


@dataclass(frozen=True, kw_only=True)
class Budget:
    """What one task may use."""

    wall_s: float
    memory_gb: float


def attempt(work: Callable[[Task], None], task: Task) -> Failure | None:
    """Do one task; what one source raises is that source's failure, what every source would raise ends the run."""
    try:
        work(task)
    except (EmoforgeError, OSError):
        raise
    except MemoryError:
        return Failure(reason="out_of_memory", error="processing needed more memory than the limit")
    except Exception as error:  # noqa: BLE001 - the worker's edge: hostile input must not take the run down
        where = traceback.extract_tb(error.__traceback__)[-1]
        text = f"{type(error).__name__}: {error} ({Path(where.filename).name}:{where.lineno})"
        return Failure(reason="internal_error", error=text)
    return None


def limit_memory(memory_gb: float) -> None:
    """Cap what this process may allocate from here on."""
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    most = int(used + memory_gb * (1 << 30))
    hard = resource.getrlimit(resource.RLIMIT_DATA)[1]
    resource.setrlimit(resource.RLIMIT_DATA, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))


def run_local(
    work: Callable[[Task], None], tasks: Sequence[Task], *, workers: int, budget: Budget, log_file: Path
) -> Iterator[tuple[Task, Failure | None]]:
    """Run the tasks in `workers` processes of this machine; what native code prints goes to `log_file`."""
    waiting = deque(tasks)
    pool = [_Worker(work, budget, log_file) for _ in range(min(workers, len(tasks)))]
    try:
        while waiting or any(worker.task for worker in pool):
            for worker in pool:
                if worker.task is None and waiting:
                    worker.give(waiting.popleft())
            for worker in _ready(pool):
                yield worker.take()
    finally:
        for worker in pool:
            worker.stop()


def _ready(pool: list["_Worker[Task]"]) -> list["_Worker[Task]"]:
    """Wait until a worker has answered, died, or run out of time; return those."""
    busy = [worker for worker in pool if worker.task]
    left_s = min(worker.deadline for worker in busy) - time.monotonic()
    answered = wait([worker.pipe for worker in busy], timeout=max(0.0, left_s))
    return [w for w in busy if w.pipe in answered or time.monotonic() >= w.deadline]


@dataclass
class _Worker(Generic[Task]):
    """A process that does one task after another, and is replaced when it dies."""

    work: Callable[[Task], None]
    budget: Budget
    log_file: Path
    task: Task | None = None
    deadline: float = 0.0
    started: bool = False
    pipe: Connection = field(init=False)
    process: Any = field(init=False)

    def __post_init__(self) -> None:
        self._start()

    def _start(self) -> None:
        self.started = False
        context = multiprocessing.get_context("spawn")
        self.pipe, other = context.Pipe()
        self.process = context.Process(
            target=_serve, args=(other, self.work, self.budget.memory_gb, self.log_file), daemon=True
        )
        self.process.start()
        other.close()

    def give(self, task: Task) -> None:
        if not self.started:
            self._await_start()
        self.task = task
        self.deadline = time.monotonic() + self.budget.wall_s
        self.pipe.send(task)

    def _await_start(self) -> None:
        """A worker that can't even start is no source's fault."""
        try:
            self.pipe.recv()
        except (EOFError, ConnectionResetError) as error:
            raise EmoforgeError(f"a worker process can't start; what it said is in {self.log_file}") from error
        self.started = True

    def take(self) -> tuple[Task, Failure | None]:
        """Return what became of the task; a process that died or overran is replaced."""
        task, self.task = self.task, None
        if task is None:
            raise ValueError("the worker has no task")
        if not self.pipe.poll():
            self.stop()
            self._start()
            return task, Failure(reason="timed_out", error=f"not done after {self.budget.wall_s:g} s")
        try:
            answer = self.pipe.recv()
        except (EOFError, ConnectionResetError):
            self.process.join()
            code = self.process.exitcode
            self._start()
            return task, Failure(reason="crashed", error=f"the worker died of {_death(code)}")
        if isinstance(answer, BaseException):
            raise answer
        return task, answer

    def stop(self) -> None:
        self.process.kill()
        self.process.join()
        self.pipe.close()


def _death(code: int | None) -> str:
    if code is not None and code < 0:
        return signal.Signals(-code).name
    return f"exit code {code}"


def _serve(pipe: Connection, work: Callable[[Any], None], memory_gb: float, log_file: Path) -> None:
    """A worker's life: tasks in, failures (or None) out; Ctrl-C is the parent's to answer."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    output = os.open(log_file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    os.dup2(output, 1)
    os.dup2(output, 2)
    limit_memory(memory_gb)
    pipe.send("started")
    while True:
        try:
            task = pipe.recv()
        except EOFError:
            return
        try:
            pipe.send(attempt(work, task))
        except (EmoforgeError, OSError) as error:
            pipe.send(error)


def run_ray(
    work: Callable[[Task], None], tasks: Sequence[Task], *, workers: int, budget: Budget, address: str | None
) -> Iterator[tuple[Task, Failure | None]]:
    """Run the tasks on the Ray cluster at `address` (or a local one), `workers` at a time, one core each.

    The run folder must be on storage that every node sees under the same path.
    """
    import ray

    _connect(address, workers)

    def do(task: Task) -> Failure | None:
        limit_memory(budget.memory_gb)
        return attempt(work, task)

    remote = ray.remote(num_cpus=1, max_retries=0)(do)
    waiting: deque[Task] = deque(tasks)
    running: dict[Any, tuple[Task, float]] = {}
    while waiting or running:
        while waiting and len(running) < workers:
            task = waiting.popleft()
            running[remote.remote(task)] = (task, time.monotonic() + budget.wall_s)
        ended, _ = ray.wait(list(running), timeout=1.0)
        for reference in ended:
            task, _ = running.pop(reference)
            yield task, _answer(reference)
        for reference in [r for r, (_, deadline) in running.items() if time.monotonic() >= deadline]:
            task, _ = running.pop(reference)
            ray.cancel(reference, force=True)
            yield task, Failure(reason="timed_out", error=f"not done after {budget.wall_s:g} s")


def _connect(address: str | None, workers: int) -> None:
    import ray

    if ray.is_initialized():
        return
    # the local cluster gets a small object store: only paths and outcomes' reasons pass through it
    local: dict[str, Any] = {"num_cpus": workers, "include_dashboard": False, "object_store_memory": 256 << 20}
    try:
        ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR, **({} if address else local))
    except (ConnectionError, ValueError, RuntimeError) as error:
        raise EmoforgeError(f"can't reach the Ray cluster at {address or 'this machine'}: {error}") from error


def _answer(reference: Any) -> Failure | None:
    import ray

    try:
        answer: Failure | None = ray.get(reference)
    except (ray.exceptions.WorkerCrashedError, ray.exceptions.OutOfMemoryError) as error:
        return Failure(reason="crashed", error=str(error).splitlines()[0])
    except ray.exceptions.RayTaskError as error:
        raise error.as_instanceof_cause() from None  # type: ignore[no-untyped-call]
    return answer
