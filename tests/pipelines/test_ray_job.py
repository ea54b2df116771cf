"""`ray job submit` of the curate command writes what the command itself writes, byte for byte."""

import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest

from tests.pipelines.test_curate import SETTINGS, shards

pytestmark = [
    pytest.mark.usefixtures("face_weights"),
    pytest.mark.ray,
    pytest.mark.slow,
    pytest.mark.timeout(300),
]

RAY = Path(sys.executable).with_name("ray")
HOST = "127.0.0.1"
PORTS = (
    "dashboard",
    "dashboard-agent-listen",
    "dashboard-agent-grpc",
    "runtime-env-agent",
    "metrics-export",
    "ray-client-server",
)
STARTS_WITHIN_S = 120


@dataclass(frozen=True)
class Head:
    """A cluster of one node that takes jobs."""

    address: str
    environment: dict[str, str]


@pytest.fixture
def head(tmp_path: Path) -> Iterator[Head]:
    """A head on free loopback ports with a token of its own; nothing of it is left."""
    for package in ("aiohttp_cors", "opencensus", "opentelemetry.exporter.prometheus", "smart_open"):
        pytest.importorskip(package, reason="ray job needs ray[default]")
    environment = os.environ | {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
    environment.pop("RAY_ADDRESS", None)
    ports = dict(zip(PORTS, free_ports(len(PORTS)), strict=True))
    log = tmp_path / "head.log"
    # not under tmp_path: the path of a Unix socket must stay under 108 bytes
    with tempfile.TemporaryDirectory(prefix="ray", ignore_cleanup_errors=True) as folder:
        with log.open("wb") as output:
            process = subprocess.Popen(
                _start(ports, folder), env=environment, start_new_session=True, stdout=output, stderr=output
            )
        try:
            _wait_for(process, log, ports["dashboard-agent-listen"])
            yield Head(address=f"http://{HOST}:{ports['dashboard']}", environment=environment)
        finally:
            _end(process)


def free_ports(n: int) -> list[int]:
    """Return n different ports on which nobody listens."""
    with ExitStack() as held:
        sockets = [held.enter_context(socket.create_server((HOST, 0))) for _ in range(n)]
        return [taken.getsockname()[1] for taken in sockets]


def _start(ports: dict[str, int], folder: str) -> list[str]:
    """Return the command that starts a head.

    The agents' ports are given, for a node dies if agents that choose theirs take over 15 s to say which.
    """
    options = {f"{name}-port": port for name, port in ports.items()} | {
        "port": 0,
        "node-ip-address": HOST,
        "temp-dir": folder,
        "num-cpus": 1,
        "object-store-memory": 100 << 20,
        "include-dashboard": "true",
    }
    given = [f"--{name}={value}" for name, value in options.items()]
    return [str(RAY), "start", "--head", "--block", "--disable-usage-stats", *given]


def _wait_for(process: "subprocess.Popen[bytes]", log: Path, agent_port: int) -> None:
    """Wait until the head says that it runs and the agent answers that takes the jobs."""
    deadline = time.monotonic() + STARTS_WITHIN_S
    while not (b"Ray runtime started" in log.read_bytes() and _answers(agent_port)):
        assert process.poll() is None, f"the head ended by itself:\n{log.read_text()}"
        assert time.monotonic() < deadline, f"the head takes no jobs after {STARTS_WITHIN_S} s:\n{log.read_text()}"
        time.sleep(0.2)


def _answers(port: int) -> bool:
    try:
        socket.create_connection((HOST, port), timeout=1).close()
    except OSError:
        return False
    return True


def _end(process: "subprocess.Popen[bytes]") -> None:
    """Kill the head and what it started; nothing is to be drained."""
    process.kill()
    process.wait()
    for pid in _session_of(process.pid):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _session_of(leader: int) -> list[int]:
    """Return the processes of a leader's session, the workers' own groups among them."""
    members = []
    for place in Path("/proc").glob("[0-9]*"):
        with suppress(ProcessLookupError):
            if os.getsid(int(place.name)) == leader:
                members.append(int(place.name))
    return members


def test_a_submitted_job_writes_the_same_bytes(head: Head, face_video: Path, tmp_path: Path) -> None:
    """The job's working directory brings the manifest; videos and run lie where every node sees them."""
    working = tmp_path / "working"
    working.mkdir()
    (tmp_path / "text.mp4").write_text("no video at all")
    (working / "sources.csv").write_text(f"uri\n{face_video}\n{tmp_path / 'text.mp4'}\n")

    command = [sys.executable, "-m", "pipelines", "curate", "sources.csv", *SETTINGS, "--workers", "1"]
    on_ray = ["--executor", "ray", "--ray-address", "auto"]
    submit = [str(RAY), "job", "submit", "--address", head.address, "--working-dir", str(working), "--"]
    _run([*submit, *command, "--out", str(tmp_path / "job"), *on_ray], environment=head.environment)
    _run([*command, "--out", str(tmp_path / "local"), "--executor", "local"], cwd=working)

    outcomes = pd.read_parquet(tmp_path / "local" / "outcomes.parquet")
    assert Counter(outcomes.outcome) == {"kept": 1, "quarantined": 1}
    assert shards(tmp_path / "job") == shards(tmp_path / "local")


def _run(argv: list[str], *, environment: dict[str, str] | None = None, cwd: Path | None = None) -> None:
    ended = subprocess.run(argv, env=environment, cwd=cwd, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
