"""One source over http(s): robots asked at every hop, a broken download resumed."""

import re
from dataclasses import dataclass
from datetime import timedelta

import httpcore
import httpx

from curate import robots
from curate.fetchers.arrival import Arrival
from curate.fetchers.contract import Facts, FetchError
from curate.fetchers.robots_cache import RobotsCache
from curate.fetchers.web import Web, check_status, date_of, header, headers_of


@dataclass(frozen=True, kw_only=True)
class _Begun:
    """A download that broke off: where it came from, and what tells whether the rest would be of the same bytes."""

    place: tuple[str, str]
    validator: str


class WebDownload:
    """One uri's download, tried again by calling it again: it goes on where it broke off when the server can."""

    def __init__(self, uri: str, *, web: Web, robots_cache: RobotsCache, arrival: Arrival) -> None:
        self._uri = uri
        self._web = web
        self._robots_cache = robots_cache
        self._arrival = arrival
        self._begun: _Begun | None = None
        self._total_bytes: int | None = None
        self._said = "not asked"

    def __call__(self) -> Facts:
        """Fetch it, or what is missing of it."""
        begun = self._begun if self._arrival.size_bytes else None
        headers = {"Range": f"bytes={self._arrival.size_bytes}-", "If-Range": begun.validator} if begun else {}
        with self._web.get(self._uri, headers, check=self._check_robots) as (url, response):
            opted = self._check_opt_out(response)
            _check_unpacked(response)
            if begun and response.status in (206, 416):
                self._go_on(begun, url, response)
            else:
                check_status(response, good=(200,))
                self._begin(url, response)
            for chunk in self._web.body(response):
                self._arrival.append(chunk)
        self._check_whole()
        return Facts(final_uri=str(url), content_type=header(response, "content-type"), robots=f"{self._said}; {opted}")

    def _check_robots(self, url: httpx.URL) -> None:
        if self._web.rules.respect_robots:
            self._said = self._robots_cache.check(url, self._web)

    def _check_opt_out(self, response: httpcore.Response) -> str:
        said = headers_of(response, "x-robots-tag")
        if self._web.rules.respect_robots and (outs := robots.opt_outs(said, self._web.rules.user_agent)):
            raise FetchError("opted_out", f"X-Robots-Tag says {', '.join(outs)}")
        return f"X-Robots-Tag: {', '.join(said)[:200]}" if said else "no X-Robots-Tag"

    def _begin(self, url: httpx.URL, response: httpcore.Response) -> None:
        length = header(response, "content-length")
        self._total_bytes = int(length[:18]) if length and length.isdigit() else None
        self._arrival.restart()
        self._arrival.expect(self._total_bytes or 0)
        validator = _validator(response)
        self._begun = _Begun(place=_place(url), validator=validator) if validator else None

    def _go_on(self, begun: _Begun, url: httpx.URL, response: httpcore.Response) -> None:
        """Check that the answer is the rest of the same bytes; otherwise the next try begins from zero."""
        first, last, total = _content_range(response)
        same = (
            response.status == 206
            and first == self._arrival.size_bytes
            and last + 1 == (total or last + 1) == (self._total_bytes or total or last + 1)
            and _place(url) == begun.place
            and _validator(response) in (None, begun.validator)
        )
        if not same:
            self._begun = None
            self._arrival.restart()
            raise FetchError("resume_refused", "the rest of a broken download is not of the same bytes", transient=True)
        self._total_bytes = total or self._total_bytes

    def _check_whole(self) -> None:
        if self._total_bytes is not None and self._arrival.size_bytes != self._total_bytes:
            text = f"{self._arrival.size_bytes} of {self._total_bytes} bytes arrived"
            raise FetchError("truncated", text, transient=True)


def _check_unpacked(response: httpcore.Response) -> None:
    if (coding := header(response, "content-encoding") or "identity").lower() != "identity":
        raise FetchError("content_encoding", f"the answer is packed ({coding[:40]}), though that was not asked for")


def _content_range(response: httpcore.Response) -> tuple[int, int, int | None]:
    """First byte, last byte and total of a Content-Range; a first byte of -1 when there is none."""
    value = header(response, "content-range") or ""
    found = re.fullmatch(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18}|\*)", value)
    if found is None:
        return -1, -1, None
    return int(found[1]), int(found[2]), None if found[3] == "*" else int(found[3])


def _place(url: httpx.URL) -> tuple[str, str]:
    """A url without its query, where signed addresses carry what changes from try to try."""
    return url.netloc.decode("ascii"), url.path


def _validator(response: httpcore.Response) -> str | None:
    """A strong ETag, or a Last-Modified that is strong by its age (RFC 9110, 8.8.2.2); None when there is neither."""
    etag = header(response, "etag")
    if etag is not None:
        return etag if re.fullmatch(r'"[\x21\x23-\x7e]*"', etag) else None
    modified, now = date_of(header(response, "last-modified")), date_of(header(response, "date"))
    if modified is None or now is None or now - modified < timedelta(seconds=1):
        return None
    return header(response, "last-modified")
