"""When each host may be asked next: how many fetches at a time, how far apart, and a rest when it asks for one."""

from dataclasses import dataclass
from math import inf
from urllib.parse import urlsplit

from curate.fetchers.contract import WEB_SCHEMES, YT_DLP, scheme_of


def host_of(uri: str) -> str | None:
    """Whom fetching a source burdens; None for a local file, which needs no fetch, "" for what names no host.

    A bucket is a host. A site's pages that yt-dlp reads are one host, whatever their subdomain.
    """
    scheme = scheme_of(uri)
    if scheme is None:
        return None
    try:
        parts = urlsplit(uri[len(YT_DLP) :] if scheme == "ytdlp" else uri)
        host = (parts.hostname or "").rstrip(".")
    except ValueError:
        return ""
    if scheme == "ytdlp":
        return YT_DLP + ".".join(_ALIASES.get(host, host).split(".")[-2:])
    return host if scheme in WEB_SCHEMES else f"{scheme}://{host}"


_ALIASES = {"youtu.be": "youtube.com"}


@dataclass
class _State:
    running: int = 0
    ready_s: float = -inf


class HostGate:
    """Says which host may be asked now. It keeps no time: `now_s` is any clock that only goes forward.

    Hosts of yt-dlp pages are asked one at a time whatever `max_per_host` is.
    """

    def __init__(self, *, max_per_host: int, min_interval_s: float) -> None:
        self._max_per_host = max_per_host
        self._min_interval_s = min_interval_s
        self._states: dict[str, _State] = {}

    def may_start(self, host: str, now_s: float) -> bool:
        """Whether one more fetch from the host may start now."""
        state = self._states.get(host)
        return state is None or (state.running < self._limit(host) and state.ready_s <= now_s)

    def started(self, host: str, now_s: float) -> None:
        """A fetch from the host has started."""
        state = self._states.setdefault(host, _State())
        state.running += 1
        state.ready_s = max(state.ready_s, now_s + self._min_interval_s)

    def ended(self, host: str, now_s: float, *, rest_s: float = 0.0) -> None:
        """A fetch has ended; `rest_s` is how long the host is left alone, as after 429 or 503 (Retry-After)."""
        state = self._states[host]
        state.running -= 1
        state.ready_s = max(state.ready_s, now_s + rest_s)

    def next_time(self, now_s: float) -> float | None:
        """The next moment at which time alone lets a host start again; None when no host waits for time.

        A host that waits for one of its fetches to end is not counted. Hosts that wait for nothing are forgotten.
        """
        self._states = {host: state for host, state in self._states.items() if state.running or state.ready_s > now_s}
        waiting = (
            state.ready_s
            for host, state in self._states.items()
            if state.ready_s > now_s and state.running < self._limit(host)
        )
        return min(waiting, default=None)

    def _limit(self, host: str) -> int:
        return 1 if host.startswith(YT_DLP) else self._max_per_host
