"""Several training processes on this machine, one for each of its GPUs."""

import logging
import multiprocessing
import os
import signal
import socket
import traceback
from dataclasses import replace
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path

from curate.errors import EmoforgeError
from pipelines.termination import stopping_on_sigterm
from pipelines.training_job import Job
from pipelines.training_work import train_here

HOST = "127.0.0.1"
JOIN_S = 30.0  # for a process that is through, to tidy up


def train_in_processes(job: Job, count: int) -> None:
    """Train in `count` processes; what ends one ends all. A SIGTERM is passed on to them."""
    context = multiprocessing.get_context("spawn")  # a fork of a process that has used CUDA can't use it
    port = _free_port()
    started: dict[Connection, BaseProcess] = {}
    try:
        with stopping_on_sigterm(lambda: _terminate(started)):
            for rank in range(count):
                receiving, sending = context.Pipe(duplex=False)
                process: BaseProcess = context.Process(
                    target=_work, args=(job, rank, count, port, sending), daemon=True
                )
                process.start()
                sending.close()
                started[receiving] = process
            _await(dict(started))
    finally:
        for process in started.values():
            process.kill()
            process.join()


def _await(running: dict[Connection, BaseProcess]) -> None:
    """Return when all have ended well; raise what the first one failed with."""
    while running:
        for receiving in wait(list(running)):
            assert isinstance(receiving, Connection)  # noqa: S101 - what was waited for
            process = running.pop(receiving)
            try:
                failure: Exception | None = receiving.recv()
            except EOFError:
                process.join()
                failure = EmoforgeError(
                    f"a training process died ({_cause(process.exitcode)}); the same command goes on from the newest "
                    "checkpoint"
                )
            if failure is not None:
                raise failure
            process.join(JOIN_S)


def _cause(exit_code: int | None) -> str:
    if exit_code is not None and exit_code < 0:
        return f"of {signal.Signals(-exit_code).name}"
    return f"exit code {exit_code}"


def _terminate(started: dict[Connection, BaseProcess]) -> None:
    for process in started.values():
        process.terminate()


def _work(job: Job, rank: int, count: int, port: int, sending: Connection) -> None:
    """One process: say None at the end, or the error."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the process that started this one ends it
    os.environ |= {
        "RANK": str(rank),
        "LOCAL_RANK": str(rank),
        "WORLD_SIZE": str(count),
        "LOCAL_WORLD_SIZE": str(count),
        "MASTER_ADDR": HOST,
        "MASTER_PORT": str(port),
        "OMP_NUM_THREADS": str(job.config.cpu_threads),
    }
    if rank == 0:
        log_into(job.out / "log.txt")
    try:
        with stopping_on_sigterm() as stop:
            train_here(replace(job, shows_progress=job.shows_progress and rank == 0), stop=stop)
    except EmoforgeError as error:
        sending.send(error)
    except Exception:  # noqa: BLE001 - the other side raises it
        sending.send(RuntimeError(f"training process {rank} failed:\n{traceback.format_exc()}"))
    else:
        sending.send(None)


def log_into(file: Path) -> None:
    """Append this process' log to a run's."""
    handler = logging.FileHandler(file, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    root = logging.getLogger()
    root.addHandler(handler)
    root.setLevel(logging.INFO)


def _free_port() -> int:
    with socket.create_server((HOST, 0)) as taken:
        port: int = taken.getsockname()[1]
    return port
