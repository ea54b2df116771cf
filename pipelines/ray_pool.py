"""Ray workers: a task for each stage of each source; a lost node costs what it was doing."""

import faulthandler
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Generic

from curate.errors import EmoforgeError
from pipelines.attempts import ONE_THREAD, attempt, limit_memory
from pipelines.stages import Answer, Done, Ended, Failure, Stage, Task, run_stages

log = logging.getLogger(__name__)


def run_ray(stages: Sequence[Stage[Task]], tasks: Sequence[Task], *, address: str | None) -> Iterator[Done[Task]]:
    """Run the tasks on the Ray cluster at `address`, or on a local one.

    The run folder must be on storage that every node sees under the same path.
    """
    connect_ray(address, max(stage.workers for stage in stages))
    yield from run_stages(stages, tasks, _RayPool(stages))


class _RayPool(Generic[Task]):
    """Ray tasks, one for each task and stage."""

    def __init__(self, stages: Sequence[Stage[Task]]) -> None:
        import ray

        self._stages = stages
        self._remotes = [
            ray.remote(num_cpus=stage.cpus, num_gpus=stage.gpus, max_retries=0, runtime_env={"env_vars": ONE_THREAD})(
                _guarded(stage)
            )
            for stage in stages
        ]
        self._running: dict[Any, tuple[int, Task, float]] = {}
        self._crashed: set[tuple[int, int]] = set()

    def start(self, stage: int, task: Task) -> None:
        self._running[self._remotes[stage].remote(task)] = (stage, task, time.monotonic())

    def ended(self, timeout_s: float) -> list[Ended[Task]]:
        import ray

        if not self._running:
            time.sleep(timeout_s)
            return []
        references, _ = ray.wait(list(self._running), timeout=timeout_s)
        return [self._ended(reference, *self._running.pop(reference)) for reference in references]

    def _ended(self, reference: Any, stage: int, task: Task, started: float) -> Ended[Task]:
        import ray

        try:
            return Ended(stage=stage, task=task, answer=ray.get(reference))
        except (ray.exceptions.NodeDiedError, ray.exceptions.ObjectLostError) as error:
            log.warning("a node was lost, its task is given to another: %s", str(error).splitlines()[0])
            return Ended(stage=stage, task=task, answer=True, again=True)
        except ray.exceptions.OutOfMemoryError as error:
            failure = Failure(reason="out_of_memory", error=str(error).splitlines()[0])
        except ray.exceptions.WorkerCrashedError as error:
            failure = self._crash(stage, started, str(error).splitlines()[0])
            if failure.reason == "crashed" and (stage, id(task)) not in self._crashed:
                self._crashed.add((stage, id(task)))  # killed from outside, or by the source? a second time tells
                return Ended(stage=stage, task=task, answer=True, again=True)
        except ray.exceptions.RayTaskError as error:
            raise error.as_instanceof_cause() from None  # type: ignore[no-untyped-call]
        return Ended(stage=stage, task=task, answer=failure)

    def _crash(self, stage: int, started: float, text: str) -> Failure:
        """A worker that ran out of time ends itself: it is known by how long it took."""
        wall_s = self._stages[stage].budget.wall_s
        if time.monotonic() - started >= wall_s:
            return Failure(reason="timed_out", error=f"not done after {wall_s:g} s")
        return Failure(reason="crashed", error=text)


def _guarded(stage: Stage[Task]) -> Callable[[Task], Answer]:
    """The stage's work in a Ray worker: with its memory limit, and a clock that even hung native code obeys."""
    work, budget = stage.work, stage.budget

    def do(task: Task) -> Answer:
        limit_memory(budget.memory_gb)
        faulthandler.dump_traceback_later(budget.wall_s, exit=True)
        try:
            return attempt(work, task)
        finally:
            faulthandler.cancel_dump_traceback_later()

    return do


def connect_ray(address: str | None, workers: int) -> None:
    """Connect to a Ray cluster, or start one on this machine with a core for each worker."""
    import ray

    if ray.is_initialized():
        return
    # the local cluster gets a small object store: only paths and outcomes' reasons pass through it
    local: dict[str, Any] = {"num_cpus": workers, "include_dashboard": False, "object_store_memory": 256 << 20}
    try:
        ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR, **({} if address else local))
    except (ConnectionError, ValueError, RuntimeError) as error:
        raise EmoforgeError(f"can't reach the Ray cluster at {address or 'this machine'}: {error}") from error
