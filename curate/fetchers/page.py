"""One video of a page that yt-dlp knows, downloaded by a process of its own that can be stopped at any moment."""

import json
import os
import signal
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import httpx

from curate.fetchers.arrival import Arrival
from curate.fetchers.contract import Deadline, Facts, FetchError
from curate.fetchers.robots_cache import RobotsCache
from curate.fetchers.web import Web

_BLOCK_BYTES = 1 << 20
_CHILD = "import sys; sys.path[:] = {path!r}; from curate.fetchers.page_download import main; main({folder!r})"


def download(url: httpx.URL, *, web: Web, robots_cache: RobotsCache, arrival: Arrival) -> Facts:
    """Download the page's one video; the page's robots.txt and every address that is asked are checked."""
    if not web.rules.allow_yt_dlp:
        raise FetchError("yt_dlp_off", "pages are fetched by yt-dlp only with fetch.allow_yt_dlp")
    if find_spec("yt_dlp") is None:
        raise FetchError("driver_missing", "pages need a package: pip install emoforge[yt-dlp]")
    said = robots_cache.check(url, web) if web.rules.respect_robots else "not asked"
    arrival.restart()
    with tempfile.TemporaryDirectory(dir=arrival.folder, prefix=".tmp-fetch-") as folder:
        order = {
            "url": str(url),
            "folder": folder,
            "max_bytes": web.rules.max_bytes,
            "idle_timeout_s": web.rules.idle_timeout_s,
            "allow_private_hosts": web.rules.allow_private_hosts,
        }
        answer = _run(order, Path(folder), web.deadline)
        _take(Path(answer["file"]), arrival)
    return Facts(
        final_uri=answer["final_uri"], licence=answer["licence"], attribution=answer["attribution"], robots=said
    )


def _run(order: dict[str, Any], folder: Path, deadline: Deadline) -> dict[str, Any]:
    """Run the download in a session of its own, with a pipe by which it notices that we are gone."""
    code = _CHILD.format(path=[str(Path(place).absolute()) for place in sys.path], folder=str(folder))
    (folder / "order.json").write_text(json.dumps(order), encoding="utf-8")
    left_s = deadline.cap(float("inf"))
    child = subprocess.Popen(  # noqa: S603 - our own interpreter and code
        [sys.executable, "-P", "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    with child:
        try:
            child.wait(left_s)
        except subprocess.TimeoutExpired:
            deadline.cap(0)
        finally:
            _end(child)
    return _answer(folder / "answer.json")


def _end(child: subprocess.Popen[bytes]) -> None:
    """Kill what still runs of the child's session: itself and an ffmpeg that it may have started."""
    try:
        os.killpg(child.pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def _answer(file: Path) -> dict[str, Any]:
    if not file.is_file():
        raise FetchError("yt_dlp_error", "the download ended without an answer", transient=True)
    answer: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    if "reason" in answer:
        raise FetchError(answer["reason"], answer["message"], answer["transient"])
    return answer


def _take(file: Path, arrival: Arrival) -> None:
    with file.open("rb") as arrived:
        while block := arrived.read(_BLOCK_BYTES):
            arrival.append(block)
