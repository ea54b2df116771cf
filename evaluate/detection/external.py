"""Detectors from elsewhere: a program, an HTTP endpoint, or a Python function of the user's."""

from __future__ import annotations

import http.client
import importlib
import json
import re
import socket
import ssl
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import IO
from urllib.parse import SplitResult, urlsplit

from curate.errors import ConfigError, EmoforgeError
from curate.user_command import TookTooLong, fill, find_program, placeholders, run_command
from evaluate.detection.detector import Abstention, Detector, probability
from evaluate.observation import Observation

MAX_ANSWER_BYTES = 64 << 10
CONTENT_TYPES = {".mp4": "video/mp4", ".webm": "video/webm", ".mkv": "video/x-matroska"}


def command(name: str, template: str, *, limit_s: float) -> Detector:
    """A program: `{video}` in its arguments is a file; the last line it prints is a probability or `abstain: why`.

    It runs without a shell, and `limit_s` after its start it is killed with all that it started. Raises ConfigError for
    a template without {video} and for a program that is not installed.
    """
    arguments = fill(template, {"video": "video.mp4"})
    if "video" not in placeholders(template):
        raise ConfigError(f"the detector {name!r} never sees the video; write {{video}} into the command {template!r}")
    if find_program(arguments[0]) is None:
        raise ConfigError(f"the detector {name!r} needs the program {arguments[0]!r}, which is not installed")
    return Detector(
        name=name, origin=f"the command {template!r}", score=partial(_ask_command, template=template, limit_s=limit_s)
    )


def endpoint(name: str, address: str, *, limit_s: float) -> Detector:
    """An HTTP endpoint, which is sent the video's bytes by POST and answers {"score": p} or {"abstain": "why"}.

    Redirects aren't followed, no proxy is used, and the connection is cut after `limit_s`, however busy it looks. The
    address' query may hold a key and is left out of `origin`. Raises ConfigError for an address that can't be asked.
    """
    parts = _checked(name, address)
    origin = f"{parts.scheme}://{parts.netloc}{parts.path}"
    return Detector(name=name, origin=origin, score=partial(_ask_endpoint, address=address, limit_s=limit_s))


def python_function(name: str, place: str) -> Detector:
    """A function `package.module:function` of the user's: a video's path -> probability, or None to abstain.

    It runs inside this process, so nothing stops it when it hangs; a program or an endpoint can be stopped. Raises
    ConfigError when it can't be imported.
    """
    if not re.fullmatch(r"[\w.]+:\w+", place):
        raise ConfigError(f"the detector {name!r} names {place!r}; write py:package.module:function")
    try:
        found = _function(place)
    except (Exception, SystemExit) as error:  # importing runs the user's code, which may raise anything
        raise ConfigError(
            f"the detector {name!r} needs {place!r}, which can't be imported ({type(error).__name__}: {error}); "
            "install it, or put its folder on PYTHONPATH"
        ) from error
    if not callable(found):
        raise ConfigError(f"the detector {name!r} needs {place!r}, which is no function")
    return Detector(name=name, origin=f"the function {place}", score=partial(_ask_function, place=place))


@contextmanager
def neutral_file(media: Path | bytes) -> Iterator[Path]:
    """The video under a name that says nothing of it: a folder called `fake` would be the best of detectors."""
    with tempfile.TemporaryDirectory(prefix="emoforge-") as folder:
        video = Path(folder) / f"video{_ending(media)}"
        if isinstance(media, bytes):
            video.write_bytes(media)
        else:
            video.symlink_to(media.absolute())
        yield video


def _ending(media: Path | bytes) -> str:
    if isinstance(media, bytes):
        if not media.startswith(b"\x1a\x45\xdf\xa3"):  # EBML
            return ".mp4"
        return ".webm" if b"webm" in media[:64] else ".mkv"
    known = re.fullmatch(r"\.[A-Za-z0-9]{1,5}", media.suffix)
    return media.suffix if known else ".mp4"


def _ask_command(observation: Observation, *, template: str, limit_s: float) -> float:
    with neutral_file(observation.media) as video:
        try:
            line = run_command(fill(template, {"video": str(video)}), limit_s=limit_s)
        except TookTooLong as error:
            raise Abstention(f"timeout: {error}") from error
        except EmoforgeError as error:
            said = str(error).replace(f"{video.parent}/", "")  # a random name, and reports are the same each time
            raise Abstention(f"failed: {said}") from error
    if line.lower().startswith("abstain"):
        raise Abstention(f"abstained: {line.partition(':')[2].strip() or 'the program gives no reason'}")
    if not line:
        raise Abstention("bad_answer: the program printed nothing")
    return probability(line)


def _function(place: str) -> Callable[[Path], object]:
    """What is at the place; a detector keeps the place, since not every function can be sent to a worker."""
    module, _, function = place.partition(":")
    found: Callable[[Path], object] = getattr(importlib.import_module(module), function)
    return found


def _ask_function(observation: Observation, *, place: str) -> float:
    function = _function(place)
    with neutral_file(observation.media) as video:
        try:
            answer = function(video)
            if answer is not None:
                return probability(answer)
        except EmoforgeError:
            raise
        except (Exception, SystemExit) as error:  # the user's own code, which may raise anything
            said = str(error).replace(f"{video.parent}/", "")
            raise Abstention(f"failed: {type(error).__name__}: {said}") from error
    raise Abstention("abstained: the function gives no answer")


def _checked(name: str, address: str) -> SplitResult:
    try:
        parts = urlsplit(address)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise ConfigError(f"the address {address!r} of the detector {name!r} can't be read: {error}") from error
    if parts.scheme not in {"http", "https"} or not host or not address.isascii() or not address.isprintable():
        raise ConfigError(f"the address {address!r} of the detector {name!r} is not http:// or https:// and a host")
    if " " in address or "@" in parts.netloc:
        raise ConfigError(f"the address of the detector {name!r} holds a space, or a user's name or password")
    return parts


def _ask_endpoint(observation: Observation, *, address: str, limit_s: float) -> float:
    status, body = _post(urlsplit(address), observation.media, limit_s)
    if 300 <= status < 400:
        raise Abstention(f"http_status: the endpoint answered {status}, and redirects aren't followed")
    if status != 200:
        raise Abstention(f"http_status: the endpoint answered {status}: {body[:120].decode(errors='replace')}")
    if len(body) > MAX_ANSWER_BYTES:
        raise Abstention(f"bad_answer: the endpoint's answer is over {MAX_ANSWER_BYTES >> 10} KiB")
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Abstention("bad_answer: the endpoint's answer is no JSON") from error
    if isinstance(answer, dict) and answer.get("abstain"):
        raise Abstention(f"abstained: {str(answer['abstain'])[:200]}")
    if not isinstance(answer, dict) or type(answer.get("score")) not in {int, float}:  # true is an int, and no number
        raise Abstention('bad_answer: the endpoint answered neither {"score": number} nor {"abstain": "why"}')
    return probability(answer["score"])


def _post(parts: SplitResult, media: Path | bytes, limit_s: float) -> tuple[int, bytes]:
    """Status and body, of which at most a byte over MAX_ANSWER_BYTES is read; Abstention when there is no answer."""
    is_over = threading.Event()
    connection = _connection(parts, limit_s)
    begun = time.monotonic()
    try:
        connection.connect()
        # each read and write has its own limit; only cutting the line ends an answer that comes a byte at a time
        guard = threading.Timer(max(0.0, limit_s - (time.monotonic() - begun)), _cut, (connection.sock, is_over))
        guard.daemon = True
        guard.start()
        try:
            status, body = _exchange(connection, parts, media)
        finally:
            guard.cancel()
    except (OSError, http.client.HTTPException) as error:
        if is_over.is_set() or isinstance(error, TimeoutError):
            raise Abstention(f"timeout: the endpoint took over {limit_s:g} s") from error
        raise Abstention(f"unreachable: {type(error).__name__}: {error}") from error
    finally:
        connection.close()
    if is_over.is_set():
        raise Abstention(f"timeout: the endpoint took over {limit_s:g} s")
    return status, body


def _connection(parts: SplitResult, limit_s: float) -> http.client.HTTPConnection:
    if parts.scheme == "https":
        context = ssl.create_default_context()
        return http.client.HTTPSConnection(parts.hostname or "", parts.port, timeout=limit_s, context=context)
    return http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=limit_s)


def _exchange(connection: http.client.HTTPConnection, parts: SplitResult, media: Path | bytes) -> tuple[int, bytes]:
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    with _opened(media) as content:
        size = content.seek(0, 2)
        content.seek(0)
        headers = {
            "Content-Type": CONTENT_TYPES.get(_ending(media).lower(), "application/octet-stream"),
            "Content-Length": str(size),
            "Accept": "application/json",
            "Connection": "close",
        }
        connection.request("POST", target, body=content, headers=headers)
    with connection.getresponse() as response:
        return response.status, response.read(MAX_ANSWER_BYTES + 1)


def _opened(media: Path | bytes) -> IO[bytes]:
    return BytesIO(media) if isinstance(media, bytes) else media.open("rb")


def _cut(line: socket.socket, is_over: threading.Event) -> None:
    is_over.set()
    with suppress(OSError):
        socket.socket.shutdown(line, socket.SHUT_RDWR)  # the plain socket's own: TLS would wait for the other side
