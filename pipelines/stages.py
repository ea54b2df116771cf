"""Takes tasks through stages of work: what may start when, whoever does it."""

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

from curate.hosts import HostGate

Task = TypeVar("Task")  # whatever a worker can be sent


@dataclass(frozen=True, kw_only=True)
class Failure:
    """Why a task has no outcome: `timed_out`, `crashed`, `out_of_memory` or `internal_error`, and what was said."""

    reason: str
    error: str


@dataclass(frozen=True, kw_only=True)
class Rest:
    """The task ends here, and its host wants to be left alone for a while."""

    seconds: float


Answer = Failure | Rest | bool  # whether the task goes on to the next stage


@dataclass(frozen=True, kw_only=True)
class Budget:
    """What one task may use."""

    wall_s: float
    memory_gb: float


@dataclass(frozen=True, kw_only=True)
class Stage(Generic[Task]):
    """One kind of work: what is done with a task, how many at once, and what each may use.

    `work` returns False or a Rest to end the task there; else it goes on to the next stage. A task that a stage
    doesn't apply to skips it. Where `host_of` names a host, `gate` says when the host may be asked. `cpus` and `gpus`
    are what Ray sets aside for one.
    """

    name: str
    work: Callable[[Task], bool | Rest | None]
    workers: int
    budget: Budget
    cpus: float = 1.0
    gpus: float = 0.0
    applies: Callable[[Task], bool] = field(default=lambda task: True)
    host_of: Callable[[Task], str | None] | None = None
    gate: HostGate | None = None


@dataclass(frozen=True, kw_only=True)
class Ended(Generic[Task]):
    """A task that a stage is done with; `again` where it was lost through no fault of its own."""

    stage: int
    task: Task
    answer: Answer
    again: bool = False


Done = tuple[Task, Failure | None]


class Pool(Protocol[Task]):
    """Where stages' work is done."""

    def start(self, stage: int, task: Task) -> None:
        """Begin a stage of a task."""

    def ended(self, timeout_s: float) -> list[Ended[Task]]:
        """Wait for at least one task to end, at most so long; return those that have."""


def run_stages(stages: Sequence[Stage[Task]], tasks: Sequence[Task], pool: Pool[Task]) -> Iterator[Done[Task]]:
    """Take every task through the stages that apply to it.

    Later stages go first, and no more tasks wait between two stages than the later one works on at a time: what is
    fetched and not yet used takes disk.
    """
    queues = [_Queue(stage) for stage in stages]
    running = [0] * len(stages)
    _enter(queues, tasks, 0)
    while any(running) or any(len(queue) for queue in queues):
        for number in reversed(range(len(stages))):
            crowded = number + 1 < len(stages) and len(queues[number + 1]) >= stages[number + 1].workers
            room = 0 if crowded and running[number + 1] else stages[number].workers - running[number]
            for task in queues[number].ready(room):
                pool.start(number, task)
                running[number] += 1
        for ended in pool.ended(1.0):
            running[ended.stage] -= 1
            rest_s = ended.answer.seconds if isinstance(ended.answer, Rest) else 0.0
            queues[ended.stage].ended(ended.task, rest_s=rest_s)
            if ended.again:
                queues[ended.stage].put(ended.task)
            elif ended.answer is True and ended.stage + 1 < len(stages):
                _enter(queues, [ended.task], ended.stage + 1)
            else:
                yield ended.task, ended.answer if isinstance(ended.answer, Failure) else None


def _enter(queues: Sequence["_Queue[Task]"], tasks: Iterable[Task], first: int) -> None:
    for task in tasks:
        next(queue for queue in queues[first:] if queue.stage.applies(task)).put(task)


class _Queue(Generic[Task]):
    """Tasks that wait for a stage, in order; behind a gate, those of a host that may be asked now."""

    LOOKED_AT = 64  # hosts at a time: a run may know a hundred thousand

    def __init__(self, stage: Stage[Task]) -> None:
        self.stage = stage
        self._by_host: dict[str | None, deque[Task]] = {}
        self._hosts: deque[str | None] = deque()
        self._waiting = 0

    def __len__(self) -> int:
        return self._waiting

    def put(self, task: Task) -> None:
        host = self.stage.host_of(task) if self.stage.host_of else None
        if host not in self._by_host:
            self._by_host[host] = deque()
            self._hosts.append(host)
        self._by_host[host].append(task)
        self._waiting += 1

    def ready(self, room: int) -> Iterator[Task]:
        """Take up to `room` tasks that may start now."""
        for _ in range(min(len(self._hosts), self.LOOKED_AT)):
            host = self._hosts[0]
            while room > 0 and self._by_host[host] and self._may_start(host):
                yield self._by_host[host].popleft()
                self._waiting -= 1
                room -= 1
            self._hosts.popleft()
            if self._by_host[host]:
                self._hosts.append(host)
            else:
                del self._by_host[host]
            if room <= 0:
                return

    def ended(self, task: Task, *, rest_s: float) -> None:
        if self.stage.gate is not None and self.stage.host_of is not None:
            self.stage.gate.ended(self.stage.host_of(task) or "", time.monotonic(), rest_s=rest_s)

    def _may_start(self, host: str | None) -> bool:
        """Ask the gate, which then counts it as started."""
        gate, now_s = self.stage.gate, time.monotonic()
        if gate is None:
            return True
        if not gate.may_start(host or "", now_s):
            return False
        gate.started(host or "", now_s)
        return True
