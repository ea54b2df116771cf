"""GET over http(s): urls that may be asked for, redirects followed one checked hop at a time, answers read."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpcore
import httpx

from curate.fetchers.connection import named_errors
from curate.fetchers.contract import WEB_SCHEMES, Deadline, FetchError, FetchRules

Headers = dict[str, str]

_REDIRECTS = frozenset([301, 302, 303, 307, 308])
_TRANSIENT = frozenset([408, 425, 429, 500, 502, 503, 504])
_MAX_URL_CHARS = 8192


class Web:
    """GET under the rules, through a pool that checks where it connects to."""

    def __init__(self, rules: FetchRules, *, pool: httpcore.ConnectionPool, deadline: Deadline) -> None:
        self.rules = rules
        self.deadline = deadline
        self._pool = pool

    @contextmanager
    def get(
        self, uri: str, headers: Headers | None = None, *, check: Callable[[httpx.URL], None] = lambda url: None
    ) -> Iterator[tuple[httpx.URL, httpcore.Response]]:
        """Give the last hop's url and its answer, whatever its status; `check` sees every url before it is asked.

        A redirect from https to http is refused: from there on anybody on the way could answer.
        """
        url = parse(uri)
        for _ in range(self.rules.max_redirects + 1):
            check(url)
            with self._ask(url, headers or {}) as response:
                if response.status not in _REDIRECTS:
                    yield url, response
                    return
                url = _target(url, response)
        raise FetchError("too_many_redirects", f"more than {self.rules.max_redirects} redirects")

    def body(self, response: httpcore.Response) -> Iterator[bytes]:
        """Yield what arrives; FetchError `truncated` when it breaks off before its declared end."""
        with named_errors(self.deadline, reading_body=True):
            yield from response.iter_stream()

    @contextmanager
    def _ask(self, url: httpx.URL, headers: Headers) -> Iterator[httpcore.Response]:
        times = dict.fromkeys(("connect", "read", "write", "pool"), self.rules.idle_timeout_s)
        every = {"User-Agent": self.rules.user_agent, "Accept": "*/*", "Accept-Encoding": "identity"}
        request = httpcore.Request(
            "GET",
            httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
            headers=list(({"Host": url.netloc.decode("ascii")} | every | headers).items()),
            extensions={"timeout": times},
        )
        with named_errors(self.deadline, reading_body=False):
            response = self._pool.handle_request(request)
        try:
            yield response
        finally:
            response.close()


def parse(uri: str) -> httpx.URL:
    """Read an http(s) url; FetchError `forbidden_scheme`, `forbidden_port` or `bad_url` when it may not be asked for.

    A url with a password is refused, since it would stand in the corpus' tables for all to read.
    """
    try:
        url = httpx.URL(uri)
    except (httpx.InvalidURL, UnicodeError) as error:
        raise FetchError("bad_url", f"{uri[:200]!r} is no url: {error}") from error
    if url.scheme not in WEB_SCHEMES:
        raise FetchError("forbidden_scheme", f"{url.scheme or 'no scheme'} is none of {', '.join(WEB_SCHEMES)}")
    if not url.host or re.search(r"[^\w.:-]", url.host) or len(uri) > _MAX_URL_CHARS:
        raise FetchError("bad_url", f"{uri[:200]!r} names no host that can be asked")
    if url.userinfo:
        raise FetchError("bad_url", f"a url with a user name or password is not fetched (host {url.host})")
    if url.port is not None and not (url.port in (80, 443) or 1024 <= url.port < 65536):
        raise FetchError("forbidden_port", f"port {url.port} of {url.host} is for other services than the web")
    return url.copy_with(fragment=None)


def header(response: httpcore.Response, name: str) -> str | None:
    """The first header of that name, if any."""
    return next(iter(headers_of(response, name)), None)


def headers_of(response: httpcore.Response, name: str) -> list[str]:
    """All headers of that name."""
    return [_text(value) for key, value in response.headers if key.lower() == name.encode()]


def _text(value: bytes) -> str:
    """HTTP leaves open what is no ASCII; servers send UTF-8, or else bytes of which each is a character."""
    try:
        return value.decode("utf-8").strip()
    except UnicodeDecodeError:
        return value.decode("latin-1").strip()


def check_status(response: httpcore.Response, *, good: tuple[int, ...]) -> None:
    """FetchError `http_404` and the like for any status but the good ones."""
    if response.status in good:
        return
    transient = response.status in _TRANSIENT
    wait_s = retry_after_s(header(response, "retry-after")) if transient else None
    raise FetchError(f"http_{response.status}", f"the server answered {response.status}", transient, wait_s)


def _target(url: httpx.URL, response: httpcore.Response) -> httpx.URL:
    location = header(response, "location")
    if not location:
        raise FetchError("bad_redirect", f"{response.status} without a Location")
    try:
        target = parse(str(url.join(location)))
    except httpx.InvalidURL as error:
        raise FetchError("bad_redirect", f"Location {location[:200]!r} is no url") from error
    if url.scheme == "https" and target.scheme == "http":
        raise FetchError("insecure_redirect", f"redirected from https to http ({target.host})")
    return target


def retry_after_s(value: str | None) -> float | None:
    """Seconds that a Retry-After header asks for, as a number or as a date (RFC 9110, 10.2.3)."""
    if value is None:
        return None
    if value.isascii() and value.isdigit():
        return float(value[:9])
    moment = date_of(value)
    return None if moment is None else max(0.0, (moment - datetime.now(UTC)).total_seconds())


def date_of(value: str | None) -> datetime | None:
    """The moment that a date header names, if it names one."""
    try:
        moment = parsedate_to_datetime(value or "")
    except (ValueError, OverflowError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
