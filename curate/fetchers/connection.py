"""Connections that go only to addresses that were checked, and end at the deadline however slowly a server speaks."""

import socket
import ssl
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cache

import httpcore
import httpx

from curate.addresses import Resolver, is_public
from curate.fetchers.contract import Deadline, FetchError, FetchRules


def open_pool(rules: FetchRules, *, deadline: Deadline, resolve: Resolver) -> httpcore.ConnectionPool:
    """A pool of plain connections: no proxy, no cookies, no HTTP/2, no redirects, none but the rules' addresses.

    None is used twice, since a server may close it at the moment that it is used again.
    """
    network = _CheckedNetwork(deadline, resolve, allow_private_hosts=rules.allow_private_hosts)
    return httpcore.ConnectionPool(ssl_context=_tls(), network_backend=network, max_keepalive_connections=0)


@contextmanager
def named_errors(deadline: Deadline, *, reading_body: bool) -> Iterator[None]:
    """Turn what the connection raises into a FetchError with a reason."""
    try:
        yield
    except httpcore.TimeoutException as error:
        deadline.cap(0)
        raise FetchError("idle_timeout", "the server stopped answering", transient=True) from error
    except httpcore.ConnectError as error:
        certificate = _caused_by_certificate(error)
        raise FetchError(
            "tls" if certificate else "connect_failed", f"no connection: {error}", transient=not certificate
        ) from error
    except (httpcore.NetworkError, httpcore.RemoteProtocolError) as error:
        reason = "truncated" if reading_body else "connection_lost"
        raise FetchError(reason, f"the answer broke off: {error}", transient=True) from error
    except (httpcore.LocalProtocolError, httpcore.UnsupportedProtocol) as error:
        raise FetchError("bad_url", f"the url can't be asked for: {error}") from error


@cache
def _tls() -> ssl.SSLContext:
    return httpx.create_ssl_context()


def _caused_by_certificate(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return True
        error = error.__cause__ or error.__context__
    return False


class _CheckedNetwork(httpcore.NetworkBackend):
    """Resolves a host itself, checks all of its addresses and connects to one of these, never to the name.

    So a name that changes its address in between (DNS rebinding) gains nothing.
    """

    def __init__(self, deadline: Deadline, resolve: Resolver, *, allow_private_hosts: bool) -> None:
        self._network = httpcore.SyncBackend()
        self._deadline = deadline
        self._resolve = resolve
        self._allow_private_hosts = allow_private_hosts

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        """Connect to the first of the host's addresses that answers."""
        failure: httpcore.ConnectError | httpcore.ConnectTimeout | None = None
        for address in self._addresses(host, port):
            try:
                stream = self._network.connect_tcp(address, port, self._deadline.cap(timeout or 30.0))
                return _TimedStream(stream, self._deadline)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
        raise failure or httpcore.ConnectError(f"{host} has no address")

    def _addresses(self, host: str, port: int) -> list[str]:
        try:
            addresses = self._resolve(host, port)
        except socket.gaierror as error:
            for_good = error.errno in (socket.EAI_NONAME, getattr(socket, "EAI_NODATA", None))
            raise FetchError("dns_failed", f"{host}: {error.strerror}", transient=not for_good) from error
        except (OSError, UnicodeError) as error:
            raise FetchError("dns_failed", f"{host}: {error}") from error
        inside = [address for address in addresses if not is_public(address)]
        if inside and not self._allow_private_hosts:
            text = f"{host} is {inside[0]}, which is no public address; --allow-private-hosts permits it"
            raise FetchError("forbidden_address", text)
        return addresses


class _TimedStream(httpcore.NetworkStream):
    """A stream on which no single step outlasts the deadline."""

    def __init__(self, stream: httpcore.NetworkStream, deadline: Deadline) -> None:
        self._stream = stream
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, self._deadline.cap(timeout or 30.0))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, self._deadline.cap(timeout or 30.0))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        secure = self._stream.start_tls(ssl_context, server_hostname, self._deadline.cap(timeout or 30.0))
        return _TimedStream(secure, self._deadline)

    def get_extra_info(self, info: str) -> object:
        return self._stream.get_extra_info(info)
