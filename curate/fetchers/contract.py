"""What fetching is asked (rules), what it gives (facts about what arrived), and how it fails."""

import re
import time
from dataclasses import dataclass
from pathlib import Path

from curate.errors import MediaError

WEB_SCHEMES = ("http", "https")
STORE_SCHEMES = ("gs", "hf", "s3")
YT_DLP = "ytdlp:"
_SCHEME = re.compile(r"(ytdlp):|([a-z][a-z0-9+.:-]*)://", re.IGNORECASE)  # a chain such as `zip::s3://` is one too

# A decision not to use a source, as against a failure to get it.
REFUSALS = frozenset(
    [
        "forbidden_address",
        "forbidden_port",
        "forbidden_scheme",
        "licence_missing",
        "licence_refused",
        "opted_out",
        "robots_txt",
        "yt_dlp_off",
    ]
)


class FetchError(MediaError):
    """A source that can't be had: `reason`, whether trying later may help, and how long the server asks to wait."""

    def __init__(self, reason: str, message: str, transient: bool = False, retry_after_s: float | None = None) -> None:
        super().__init__(reason, message)
        self.args = (reason, message, transient, retry_after_s)  # what pickling gives back to __init__
        self.transient = transient
        self.retry_after_s = retry_after_s

    @property
    def refused(self) -> bool:
        """Whether this is a policy's answer (the source is rejected) and no failure (it is quarantined)."""
        return self.reason in REFUSALS


@dataclass(frozen=True, kw_only=True)
class FetchRules:
    """What a fetch may do and take. Times are in seconds; `total_timeout_s` holds for all tries and waits together.

    `user_agent`'s first word (up to a slash) is the name that robots.txt and X-Robots-Tag address.
    """

    allow_private_hosts: bool = False
    allow_yt_dlp: bool = False
    respect_robots: bool = True
    max_bytes: int = 8 << 30
    total_timeout_s: float = 900.0
    idle_timeout_s: float = 30.0
    max_redirects: int = 5
    retries: int = 4
    backoff_s: float = 1.0
    max_wait_s: float = 60.0
    user_agent: str = "emoforge/0.1"


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What was learnt while the bytes arrived; `robots` is what robots.txt and X-Robots-Tag said."""

    final_uri: str
    content_type: str | None = None
    robots: str = "not asked"
    licence: str | None = None
    attribution: str | None = None


@dataclass(frozen=True, kw_only=True)
class Fetched:
    """A source's bytes at hand: the file, its sha256 (hex) and size, when they arrived (ISO 8601, UTC), and facts.

    `licence` and `attribution` are what a page that yt-dlp read says of its video; None elsewhere.
    """

    path: Path
    sha256: str
    size_bytes: int
    retrieved_at: str
    final_uri: str
    content_type: str | None
    robots: str
    licence: str | None
    attribution: str | None


class Deadline:
    """The moment by which a fetch must be over."""

    def __init__(self, total_s: float) -> None:
        self._total_s = total_s
        self._end = time.monotonic() + total_s

    def left_s(self) -> float:
        """Seconds left, 0 or less when it has passed."""
        return self._end - time.monotonic()

    def cap(self, timeout_s: float) -> float:
        """The shorter of a time-out and what is left; FetchError `total_timeout` when nothing is."""
        left_s = self.left_s()
        if left_s <= 0:
            raise FetchError("total_timeout", f"it took longer than {self._total_s:g} s", transient=True)
        return min(timeout_s, left_s)


def scheme_of(uri: str) -> str | None:
    """`https` of `https://...`, `ytdlp` of `ytdlp:https://...`, in lower case; None for a path."""
    head, mark, _ = uri.partition("://")
    if mark and head in (*WEB_SCHEMES, *STORE_SCHEMES):
        return head  # a manifest has a million of them
    found = _SCHEME.match(uri)
    return None if found is None else (found[1] or found[2]).lower()
