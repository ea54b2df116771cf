"""Each host's robots.txt, read once and kept for a while."""

import time
from collections import OrderedDict

import httpx

from curate import robots
from curate.fetchers.contract import FetchError
from curate.fetchers.web import Web, header, retry_after_s


class RobotsCache:
    """What the last hosts' robots.txt said, for a day (RFC 9309, 2.4)."""

    def __init__(self, *, max_hosts: int = 512, keep_s: float = 86_400.0) -> None:
        self._known: OrderedDict[str, tuple[float, list[robots.Rule] | None]] = OrderedDict()
        self._max_hosts = max_hosts
        self._keep_s = keep_s

    def check(self, url: httpx.URL, web: Web) -> str:
        """Return what robots.txt says of the url; FetchError `robots_txt` when it says no.

        Missing (4xx) allows all; `robots_unreachable`, which may pass, is what 429 and 5xx raise.
        """
        origin = f"{url.scheme}://{url.netloc.decode('ascii')}"
        known = self._known.get(origin)
        if known is None or time.monotonic() - known[0] > self._keep_s:
            known = (time.monotonic(), _read_robots(f"{origin}/robots.txt", web))
            self._known[origin] = known
        self._known.move_to_end(origin)
        while len(self._known) > self._max_hosts:
            self._known.popitem(last=False)
        rules = known[1]
        if rules is None:
            return "no robots.txt"
        if not robots.allows(rules, url.raw_path.decode("ascii")):
            raise FetchError("robots_txt", f"robots.txt of {url.host} keeps {web.rules.user_agent} from {url.path}")
        return "robots.txt allows"


def _read_robots(uri: str, web: Web) -> list[robots.Rule] | None:
    """None when there is none to read, which a redirect that leads nowhere is too (RFC 9309, 2.3.1.2)."""
    try:
        text = _robots_text(uri, web)
    except FetchError as error:
        if error.reason in ("bad_redirect", "insecure_redirect", "too_many_redirects"):
            return None
        raise
    return None if text is None else robots.rules_for(text, web.rules.user_agent)


def _robots_text(uri: str, web: Web) -> str | None:
    with web.get(uri) as (_, response):
        if response.status == 429 or response.status >= 500:
            message = f"{uri} answers {response.status}, which means: not now"
            raise FetchError("robots_unreachable", message, True, retry_after_s(header(response, "retry-after")))
        if response.status != 200:
            return None
        text = b""
        for chunk in web.body(response):
            text += chunk
            if len(text) > robots.MAX_BYTES:
                break
    return text[: robots.MAX_BYTES].decode("utf-8", "replace")
