"""A web server on 127.0.0.1 that breaks off, stalls, drips, lies, sends in circles and says no, as the test wants."""

import contextlib
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np

# 300 kB that open like an MP4, whose every part is like no other
VIDEO = b"\x00\x00\x00\x18ftypmp42" + np.random.default_rng(0).bytes(300_000)

Headers = dict[str, str]


@dataclass
class Site:
    """What the server answers: a function a path (without its query); and what it was asked, in order."""

    port: int
    answers: dict[str, Callable[["Request"], None]] = field(default_factory=dict)
    asked: list[tuple[str, Headers]] = field(default_factory=list)
    stopped: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def paths(self) -> list[str]:
        return [path for path, _ in self.asked]


class Request(BaseHTTPRequestHandler):
    """One question, with ways to answer it badly."""

    site: Site
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.site.asked.append((self.path, dict(self.headers)))
        self.close_connection = True
        answer = self.site.answers.get(self.path.partition("?")[0])
        with contextlib.suppress(OSError):  # the client has hung up, as it should
            answer(self) if answer else self.reply(404)

    do_HEAD = do_GET

    def log_message(self, *_: object) -> None:
        pass

    def reply(
        self,
        status: int = 200,
        body: bytes = b"",
        *,
        length: int | None = None,
        headers: list[tuple[str, str]] | None = None,
    ) -> None:
        """Answer; `length` is what Content-Length claims, which is left out when it is negative."""
        self.send_response(status)
        for name, value in headers or []:
            self.send_header(name, value)
        if length is None or length >= 0:
            self.send_header("Content-Length", str(len(body) if length is None else length))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def redirect(self, target: str, status: int = 302) -> None:
        self.reply(status, headers=[("Location", target)])

    def drip(self, pieces: Iterator[bytes], every_s: float) -> None:
        """Write piece by piece until the client or the server has had enough."""
        for piece in pieces:
            if self.site.stopped.wait(every_s):
                return
            self.wfile.write(piece)
            self.wfile.flush()

    def stall(self) -> None:
        """Say nothing, until the server stops."""
        self.wfile.flush()
        self.site.stopped.wait(20.0)


@contextlib.contextmanager
def hostile_site(*, certificate: Path | None = None) -> Iterator[Site]:
    """Serve until the end of the block; over TLS with a certificate (PEM, with its key)."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Request)
    server.daemon_threads = True
    if certificate is not None:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    site = Site(port=server.server_port)
    server.RequestHandlerClass = type("Handler", (Request,), {"site": site})
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield site
    finally:
        site.stopped.set()
        server.shutdown()
        thread.join()
        server.server_close()


def http_date(age_s: float) -> str:
    """The moment `age_s` seconds ago, as HTTP spells it."""
    return time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(time.time() - age_s))
