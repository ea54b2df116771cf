"""Local workers: processes of this machine that can be killed; a crash of native code ends one and no other."""

import multiprocessing
import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import chain
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any, Generic

from curate.errors import EmoforgeError
from pipelines.attempts import ONE_THREAD, attempt, limit_memory
from pipelines.stages import Answer, Budget, Done, Ended, Failure, Rest, Stage, Task, run_stages

MAX_KILLS = 2  # of workers that had the same task, before the task is blamed
KILLED = Failure(reason="crashed", error="the worker died of SIGKILL")


def run_local(stages: Sequence[Stage[Task]], tasks: Sequence[Task], *, log_file: Path) -> Iterator[Done[Task]]:
    """Run the tasks in processes of this machine; what native code prints goes to `log_file`."""
    pool = _LocalPool(stages, log_file)
    try:
        yield from run_stages(stages, tasks, pool)
    finally:
        pool.close()


class _LocalPool(Generic[Task]):
    """Worker processes, started when first needed."""

    def __init__(self, stages: Sequence[Stage[Task]], log_file: Path) -> None:
        self._stages = stages
        self._log_file = log_file
        self._workers: list[list[_Worker[Task]]] = [[] for _ in stages]
        self._kills: Counter[tuple[int, int]] = Counter()

    def start(self, stage: int, task: Task) -> None:
        workers = self._workers[stage]
        idle = next((worker for worker in workers if worker.task is None), None)
        if idle is None:
            idle = _Worker(self._stages[stage].work, self._stages[stage].budget, self._log_file)
            workers.append(idle)
        idle.give(task)

    def ended(self, timeout_s: float) -> list[Ended[Task]]:
        busy = [(stage, worker) for stage, workers in enumerate(self._workers) for worker in workers if worker.task]
        if not busy:
            time.sleep(timeout_s)
            return []
        ready = _ready([worker for _, worker in busy], timeout_s)
        taken = [(stage, worker.take()) for stage, worker in busy if worker in ready]
        return [self._ended(stage, task, answer) for stage, (task, answer) in taken]

    def _ended(self, stage: int, task: Task, answer: Answer) -> Ended[Task]:
        """A worker that was killed from outside is no source's fault, unless it happens to a source again and again."""
        if answer is KILLED and self._kills[stage, id(task)] < MAX_KILLS:
            self._kills[stage, id(task)] += 1
            return Ended(stage=stage, task=task, answer=True, again=True)
        return Ended(stage=stage, task=task, answer=answer)

    def close(self) -> None:
        for worker in chain.from_iterable(self._workers):
            worker.stop()


def _ready(busy: list["_Worker[Task]"], timeout_s: float) -> list["_Worker[Task]"]:
    """Wait until a worker has answered, died, or run out of time; return those."""
    left_s = min(timeout_s, min(worker.deadline for worker in busy) - time.monotonic())
    answered = wait([worker.pipe for worker in busy], timeout=max(0.0, left_s))
    return [w for w in busy if w.pipe in answered or time.monotonic() >= w.deadline]


@dataclass
class _Worker(Generic[Task]):
    """A process that does one task after another, and is replaced when it dies."""

    work: Callable[[Task], bool | Rest | None]
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
        with _environment(ONE_THREAD):
            self.process.start()
        other.close()

    def give(self, task: Task) -> None:
        if self.started and not self.process.is_alive():  # killed from outside while it waited
            self._start()
        if not self.started:
            self._await_start()
        self.task = task
        self.deadline = time.monotonic() + self.budget.wall_s
        try:
            self.pipe.send(task)
        except OSError:
            return  # killed just now: `take` will find it dead

    def _await_start(self) -> None:
        """A worker that can't even start is no source's fault."""
        for _ in range(MAX_KILLS + 1):
            try:
                self.pipe.recv()
            except (EOFError, ConnectionResetError):
                self.process.join()
                if self.process.exitcode != -signal.SIGKILL:
                    break
                self._start()
            else:
                self.started = True
                return
        raise EmoforgeError(f"a worker process can't start; what it said is in {self.log_file}")

    def take(self) -> tuple[Task, Answer]:
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
            if code == -signal.SIGKILL:
                return task, KILLED
            return task, Failure(reason="crashed", error=f"the worker died of {_death(code)}")
        if isinstance(answer, BaseException):
            raise answer
        return task, answer

    def stop(self) -> None:
        self.process.kill()
        self.process.join()
        self.pipe.close()


@contextmanager
def _environment(values: dict[str, str]) -> Iterator[None]:
    """Set environment variables for what is started inside."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _death(code: int | None) -> str:
    if code is not None and code < 0:
        return signal.Signals(-code).name
    return f"exit code {code}"


def _serve(pipe: Connection, work: Callable[[Any], bool | Rest | None], memory_gb: float, log_file: Path) -> None:
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
