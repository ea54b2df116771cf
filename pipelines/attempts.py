"""One attempt at one task, inside a worker: within its memory, and answered whatever the task raises."""

import errno
import resource
import traceback
from collections.abc import Callable
from pathlib import Path

from curate.errors import EmoforgeError
from pipelines.stages import Answer, Failure, Rest, Task

# a worker owns one core: more threads would wait for one another, and under a memory limit some can't even be started,
# for which OpenBLAS then waits for ever. Read when numpy is loaded, so the worker has to be born with them.
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
_OUT_OF_MEMORY = (errno.ENOMEM, errno.EAGAIN)  # what native code says of it


def attempt(work: Callable[[Task], bool | Rest | None], task: Task) -> Answer:
    """Do one task; what one source raises is that source's failure, what every source would raise ends the run."""
    try:
        answer = work(task)
        return True if answer is None else answer
    except EmoforgeError:
        raise
    except (MemoryError, OSError) as error:
        if isinstance(error, OSError) and error.errno not in _OUT_OF_MEMORY:
            raise
        return Failure(reason="out_of_memory", error="processing needed more memory than the limit")
    except Exception as error:  # noqa: BLE001 - the worker's edge: hostile input must not take the run down
        where = traceback.extract_tb(error.__traceback__)[-1]
        text = f"{type(error).__name__}: {error} ({Path(where.filename).name}:{where.lineno})"
        return Failure(reason="internal_error", error=text)


def limit_memory(memory_gb: float) -> None:
    """Cap what this process may allocate from here on."""
    most = _data_bytes() + int(memory_gb * (1 << 30))
    hard = resource.getrlimit(resource.RLIMIT_DATA)[1]
    resource.setrlimit(resource.RLIMIT_DATA, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))


def _data_bytes() -> int:
    """What RLIMIT_DATA counts of this process already; its peak would be wrong, since a child inherits its parent's."""
    try:
        return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[5]) * resource.getpagesize()
    except OSError:  # not Linux
        return 0
