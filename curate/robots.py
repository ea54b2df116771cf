"""What a site asks of robots: robots.txt (RFC 9309) and the X-Robots-Tag header."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import quote, unquote_to_bytes

MAX_BYTES = 500_000  # RFC 9309, 2.5 asks for at least 500 KiB; Google's reader stops there too
OPT_OUTS = frozenset(["noai", "noimageai", "noindex", "none"])
_WITH_VALUE = frozenset(["max-image-preview", "max-snippet", "max-video-preview", "unavailable_after"])


@dataclass(frozen=True, kw_only=True)
class Rule:
    """A line `allow: path` or `disallow: path`; `path` may hold `*`, and `$` at its end."""

    allow: bool
    path: str


def product_token(user_agent: str) -> str:
    """The name by which robots.txt addresses a user agent: `emoforge` of `emoforge/0.1 (+address)`."""
    return user_agent.split("/")[0].split()[0].lower() if user_agent.strip(" /") else "*"


def rules_for(text: str, user_agent: str) -> list[Rule]:
    """Return the rules of a robots.txt that are for this user agent: its own groups joined, or else those for `*`.

    The standard library's parser knows neither wildcards nor the longest match, hence this one.
    """
    ours = product_token(user_agent)
    by_agent: dict[str, list[Rule]] = {}
    for agents, rule in _rules(text):
        for agent in agents:
            by_agent.setdefault(agent, [])
            if rule is not None:
                by_agent[agent].append(rule)
    return by_agent.get(ours, by_agent.get("*", []))


def allows(rules: Sequence[Rule], target: str) -> bool:
    """Whether the rules let a path with its query be read: the longest matching one decides, `allow` on a tie."""
    target = _normal(target)
    if target == "/robots.txt":
        return True
    matching = [(len(rule.path), rule.allow) for rule in rules if _matches(rule.path, target)]
    return max(matching)[1] if matching else True


def opt_outs(headers: Iterable[str], user_agent: str) -> list[str]:
    """Return, sorted, which of noai, noimageai, noindex and none the X-Robots-Tag headers say to this user agent.

    A directive may be meant for one agent: `emoforge: noai, noindex` is for us, `otherbot: noai` is not.
    """
    ours = (product_token(user_agent), "*")
    found = set()
    for header in headers:
        agent = "*"
        for part in header.lower().split(","):
            name, colon, rest = (text.strip() for text in part.partition(":"))
            if colon and name not in _WITH_VALUE:
                agent, name = name, rest
            if agent in ours and name in OPT_OUTS:
                found.add(name)
    return sorted(found)


def _rules(text: str) -> Iterator[tuple[list[str], Rule | None]]:
    """Yield each rule with the agents of its group; None for a group's opening, which alone means: all is allowed."""
    agents: list[str] = []
    open_group = False
    for line in text.removeprefix("\ufeff").splitlines():
        key, colon, value = (part.strip() for part in line.split("#")[0].partition(":"))
        if not colon:
            continue
        if key.lower() == "user-agent":
            agents = [*agents, product_token(value)] if open_group else [product_token(value)]
            open_group = True
            yield agents[-1:], None
        elif key.lower() in ("allow", "disallow"):
            open_group = False
            if value:
                yield agents, Rule(allow=key.lower() == "allow", path=_normal(value))


def _normal(path: str) -> str:
    """The same octets in one spelling, so that `/%7Ejoe` is `/~joe`; what is escaped for a reason stays escaped."""
    pieces = path.replace("%2F", "%252F").replace("%2f", "%252F")
    return quote(unquote_to_bytes(pieces), safe="/*$?&=+,;:@!'()~%")


def _matches(pattern: str, target: str) -> bool:
    """Whether the pattern matches from the target's start. Greedy search: a hostile pattern can't make it slow."""
    anchored = pattern.endswith("$")
    first, *others = pattern.removesuffix("$").split("*")
    if not target.startswith(first):
        return False
    if not others:
        return not anchored or target == first
    place = len(first)
    for piece in others[:-1]:
        found = target.find(piece, place)
        if found < 0:
            return False
        place = found + len(piece)
    if anchored:
        return len(target) - len(others[-1]) >= place and target.endswith(others[-1])
    return target.find(others[-1], place) >= 0
