"""The process that runs yt-dlp on one page: its files stay in one folder, its connections at public addresses.

It ends, with all it started, when its parent is gone, which it notices by its input's end.
"""

import json
import os
import re
import shutil
import signal
import socket
import sys
import threading
from pathlib import Path
from typing import Any

import yt_dlp
from yt_dlp.globals import plugin_dirs

from curate.addresses import is_public
from curate.fetchers.contract import FetchError

# Only protocols that yt-dlp reads itself: what it gives to ffmpeg instead would be fetched past every check.
_OURS = "[protocol~='^(https?|http_dash_segments)$']"

# What yt-dlp says of a page that gives no video for good, in the order it is looked for
_REASONS = (
    ("no_usable_format", r"requested format|drm"),
    ("blocked", r"sign in|log ?in|not a bot|captcha|cookies|account|members|rate.?limit|HTTP Error 4(01|03|29)"),
    ("unavailable", r"unavailable|private|removed|deleted|does not exist|not available|HTTP Error 4(04|10)|geo"),
    ("unsupported_page", r"unsupported url|no video|no suitable"),
)


def main(folder: str) -> None:
    """Do the order in `folder`/order.json; leave the answer beside it."""
    order = json.loads((Path(folder) / "order.json").read_text(encoding="utf-8"))
    threading.Thread(target=_end_with_parent, daemon=True).start()
    refusals = [] if order["allow_private_hosts"] else _keep_to_public_addresses()
    answer = answer_to(order)
    if refusals:  # whatever yt-dlp made of it
        answer = {"reason": "forbidden_address", "message": refusals[0], "transient": False}
    (Path(folder) / "answer.json").write_text(json.dumps(answer), encoding="utf-8")


def answer_to(order: dict[str, Any]) -> dict[str, Any]:
    """Download as ordered; return the file and what the page says of it, or a FetchError's parts."""
    try:
        return _download(order)
    except FetchError as error:
        return {"reason": error.reason, "message": error.message, "transient": error.transient}
    except yt_dlp.utils.YoutubeDLError as error:
        return _why(str(error))


def _end_with_parent() -> None:
    sys.stdin.buffer.read()
    os.killpg(0, signal.SIGKILL)


def _keep_to_public_addresses() -> list[str]:
    """Every name that this process resolves goes through here, and connections go to what it returns.

    Returns a list that grows by what was refused.
    """
    system = socket.getaddrinfo
    refusals: list[str] = []

    def checked(host: Any, *args: Any, **kwargs: Any) -> Any:
        found = system(host, *args, **kwargs)
        for *_, address in found:
            if not is_public(str(address[0])):
                refusals.append(f"{host} is {address[0]}, which is no public address")
                raise OSError(refusals[-1])
        return found

    socket.getaddrinfo = checked
    return refusals


def _download(order: dict[str, Any]) -> dict[str, Any]:
    plugin_dirs.value = []
    with yt_dlp.YoutubeDL(_options(order)) as downloader:
        info = downloader.extract_info(order["url"], download=False)
        if info.get("_type", "video") != "video":
            raise FetchError("playlist", "the page is a list of videos; name each one")
        if info.get("live_status") in ("is_live", "is_upcoming"):
            raise FetchError("live", "the video is a live stream")
        downloader.process_ie_result(info, download=True)
    names = (info.get(key) for key in ("uploader", "channel", "creator"))
    page = str(info.get("webpage_url") or order["url"])
    author = next((str(name) for name in names if name), None)
    return {
        "file": str(_largest(Path(order["folder"]))),
        "final_uri": page,
        "licence": info.get("license"),
        "attribution": f"{author}, {page}" if author else None,
    }


def _options(order: dict[str, Any]) -> dict[str, Any]:
    """No playlist, cookies, cache, plug-ins, proxy, other program or name from the page; 1080p is plenty."""

    def watch(progress: dict[str, Any]) -> None:
        size = max(progress.get("downloaded_bytes") or 0, progress.get("total_bytes") or 0)
        if size > order["max_bytes"]:
            raise FetchError("too_many_bytes", f"it has {size} bytes, over the limit of {order['max_bytes']}")

    both = f"bv*{_OURS}+ba{_OURS}/" if shutil.which("ffmpeg") else ""
    return {
        "format": f"{both}b{_OURS}",
        "format_sort": ["res:1080"],
        "outtmpl": {"default": "media.%(ext)s"},
        "paths": {"home": order["folder"]},
        "progress_hooks": [watch],
        "socket_timeout": order["idle_timeout_s"],
        "external_downloader": "native",
        "noplaylist": True,
        "playlist_items": "1:2",
        "extract_flat": "in_playlist",
        "skip_unavailable_fragments": False,
        "retries": 1,
        "fragment_retries": 1,
        "cachedir": False,
        "proxy": "",
        "fixup": "never",
        "merge_output_format": "mkv",
        "quiet": True,
        "no_warnings": True,
        "noprogress": True,
        "color": "never",
    }


def _largest(folder: Path) -> Path:
    files = [file for file in folder.glob("media.*") if file.suffix not in (".part", ".ytdl")]
    if not files:
        raise FetchError("yt_dlp_error", "yt-dlp left no file", transient=True)
    return max(files, key=lambda file: file.stat().st_size)


def _why(said: str) -> dict[str, Any]:
    for reason, pattern in _REASONS:
        if re.search(pattern, said, re.IGNORECASE):
            return {"reason": reason, "message": said, "transient": False}
    return {"reason": "yt_dlp_error", "message": said, "transient": True}
