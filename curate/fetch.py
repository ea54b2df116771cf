"""Brings one source's bytes into a folder, or says why not: over the web, from an object store, or by yt-dlp."""

import random as _random
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from curate.addresses import Resolver
from curate.addresses import resolve as _resolve
from curate.fetchers import page, store
from curate.fetchers.arrival import Arrival
from curate.fetchers.connection import open_pool
from curate.fetchers.contract import (
    STORE_SCHEMES,
    WEB_SCHEMES,
    YT_DLP,
    Deadline,
    Facts,
    Fetched,
    FetchError,
    FetchRules,
    scheme_of,
)
from curate.fetchers.download import WebDownload
from curate.fetchers.robots_cache import RobotsCache
from curate.fetchers.web import Web, parse
from curate.records import SourceEntry

__all__ = ["FetchError", "FetchRules", "Fetched", "RobotsCache", "check_licence", "fetch"]


def check_licence(entry: SourceEntry, allowed: Sequence[str] | None) -> None:
    """FetchError `licence_missing` or `licence_refused` unless the entry's licence is one of those allowed.

    None allows everything, the unlicensed too. Upper and lower case are the same.
    """
    if allowed is None:
        return
    licence = (entry.licence or "").strip()
    if not licence:
        raise FetchError("licence_missing", f"no licence is given; allowed are {', '.join(allowed)}")
    if licence.casefold() not in {each.strip().casefold() for each in allowed}:
        raise FetchError("licence_refused", f"licence {licence!r} is none of {', '.join(allowed)}")


def fetch(
    uri: str,
    *,
    folder: Path,
    rules: FetchRules,
    robots_cache: RobotsCache | None = None,
    resolve: Resolver = _resolve,
    random: Callable[[], float] = _random.random,
    sleep: Callable[[float], None] = time.sleep,
) -> Fetched:
    """Fetch a source into `folder`, as a file named by 32 hex digits of its sha256 and nothing else.

    What broke off is resumed or tried again, after a wait that doubles each time and that `random` (0 to 1) spreads,
    or the wait that the server asked for. FetchError says why it failed; its `transient` tells whether a later run
    may have more luck. OSError is the disk's. Nothing but `.tmp-fetch-*` is left behind even by kill -9.
    """
    deadline = Deadline(rules.total_timeout_s)
    new_file = Arrival(folder, max_bytes=rules.max_bytes)
    with new_file as arrival, open_pool(rules, deadline=deadline, resolve=resolve) as pool:
        web = Web(rules, pool=pool, deadline=deadline)
        attempt = _attempt(uri, web=web, arrival=arrival, robots_cache=robots_cache or RobotsCache())
        facts = _try(attempt, rules=rules, deadline=deadline, random=random, sleep=sleep)
        size_bytes = arrival.size_bytes
        path, sha256 = arrival.keep()
    return Fetched(
        path=path,
        sha256=sha256,
        size_bytes=size_bytes,
        retrieved_at=datetime.now(UTC).isoformat(timespec="seconds"),
        final_uri=facts.final_uri,
        content_type=facts.content_type,
        robots=facts.robots,
        licence=facts.licence,
        attribution=facts.attribution,
    )


def _attempt(uri: str, *, web: Web, arrival: Arrival, robots_cache: RobotsCache) -> Callable[[], Facts]:
    """Return what is to be called, and called again, to get the bytes; FetchError when nothing may be."""
    rules, deadline, scheme = web.rules, web.deadline, scheme_of(uri)
    if scheme in WEB_SCHEMES:
        return WebDownload(uri, web=web, robots_cache=robots_cache, arrival=arrival)
    if scheme in STORE_SCHEMES:
        return lambda: store.copy(uri, arrival=arrival, deadline=deadline, idle_timeout_s=rules.idle_timeout_s)
    if scheme == "ytdlp":
        url = parse(uri[len(YT_DLP) :])
        return lambda: page.download(url, web=web, robots_cache=robots_cache, arrival=arrival)
    schemes = ", ".join([*WEB_SCHEMES, *STORE_SCHEMES, "ytdlp"])
    raise FetchError("forbidden_scheme", f"{uri[:200]!r} is of none of the schemes {schemes}")


def _try(
    attempt: Callable[[], Facts],
    *,
    rules: FetchRules,
    deadline: Deadline,
    random: Callable[[], float],
    sleep: Callable[[float], None],
) -> Facts:
    for number in range(rules.retries + 1):
        try:
            return attempt()
        except FetchError as error:
            wait_s = _wait_s(error, min(rules.backoff_s * 2**number * (0.5 + random()), rules.max_wait_s))
            if not error.transient or number == rules.retries or wait_s > min(rules.max_wait_s, deadline.left_s()):
                raise
        sleep(wait_s)
    raise AssertionError("the last try returns or raises")


def _wait_s(error: FetchError, backoff_s: float) -> float:
    """A server that asks for a wait gets it, and never less."""
    return max(backoff_s, error.retry_after_s or 0.0)
