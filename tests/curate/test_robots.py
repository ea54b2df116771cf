"""robots.txt by the examples of RFC 9309, and X-Robots-Tag by those of its readers."""

import time

import pytest

from curate.robots import allows, opt_outs, product_token, rules_for

# RFC 9309, 5.1
SIMPLE = """
User-Agent: *
Disallow: *.gif$
Disallow: /example/
Allow: /publications/

User-Agent: foobot
Disallow:/
Allow:/example/page.html
Allow:/example/allowed.gif

User-Agent: barbot
User-Agent: bazbot
Disallow: /example/page.html

User-Agent: quxbot
"""


@pytest.mark.parametrize(
    ("agent", "path", "allowed"),
    [
        ("anybot", "/publications/a", True),
        ("anybot", "/example/page.html", False),
        ("anybot", "/a/b.gif", False),
        ("anybot", "/a/b.gif?size=1", True),
        ("anybot", "/", True),
        ("FooBot/2.1", "/", False),
        ("foobot", "/example/page.html", True),
        ("foobot", "/example/allowed.gif", True),
        ("foobot", "/example/other.html", False),
        ("barbot", "/example/page.html", False),
        ("bazbot/1", "/example/page.html", False),
        ("bazbot", "/example/other.html", True),
        ("quxbot", "/example/page.html", True),
        ("anybot", "/robots.txt", True),
    ],
)
def test_the_rfcs_example(agent: str, path: str, allowed: bool) -> None:
    assert allows(rules_for(SIMPLE, agent), path) is allowed


def test_the_longest_match_decides_and_allow_wins_a_tie() -> None:
    """RFC 9309, 5.2."""
    rules = rules_for("User-Agent: foobot\nAllow: /example/page/\nDisallow: /example/page/disallowed.gif", "foobot")
    assert not allows(rules, "/example/page/disallowed.gif")
    assert allows(rules, "/example/page/other.gif")
    tie = rules_for("User-agent: *\nDisallow: /a\nAllow: /a", "foobot")
    assert allows(tie, "/a")


def test_groups_of_one_agent_are_joined() -> None:
    """RFC 9309, 2.2.1."""
    rules = rules_for("user-agent: a\ndisallow: /x\nuser-agent: b\ndisallow: /y\nuser-agent: a\ndisallow: /z", "a")
    assert [allows(rules, path) for path in ("/x", "/y", "/z")] == [False, True, False]


@pytest.mark.parametrize(
    ("pattern", "path", "allowed"),
    [
        ("/foo/bar?baz=quz", "/foo/bar?baz=quz", False),
        ("/foo/bar/ツ", "/foo/bar/%E3%83%84", False),
        ("/foo/bar/%E3%83%84", "/foo/bar/%E3%83%84", False),
        ("/~joe", "/%7Ejoe/film.mp4", False),
        ("/a%2Fb", "/a/b", True),
        ("/a%2fb", "/a%2Fb", False),
        ("/*/private/*.mp4$", "/a/private/b/c.mp4", False),
        ("/*/private/*.mp4$", "/a/private/b/c.mp4x", True),
        ("/a*b$", "/ab", False),
        ("/ab*b$", "/ab", True),
        ("/*", "/x", False),
        ("/exact$", "/exact", False),
        ("/exact$", "/exactly", True),
    ],
)
def test_patterns(pattern: str, path: str, allowed: bool) -> None:
    assert allows(rules_for(f"User-agent: *\nDisallow: {pattern}  # why", "emoforge"), path) is allowed


def test_what_is_no_robots_txt_allows_all() -> None:
    assert allows(rules_for("<html><body>nothing: here</body></html>", "emoforge"), "/x")
    assert allows(rules_for("Disallow: /\nnonsense\n\x00", "emoforge"), "/x")


def test_a_hostile_pattern_is_not_slow() -> None:
    rules = rules_for("User-agent: *\nDisallow: /" + "*a" * 5_000 + "$", "emoforge")
    before = time.process_time()
    assert allows(rules, "/" + "a" * 4_999 + "b")
    assert time.process_time() - before < 2.0  # a backtracking matcher would take longer than the universe has


def test_the_name_that_robots_txt_addresses() -> None:
    assert product_token("emoforge/0.1 (+https://example.org)") == "emoforge"
    assert product_token("Emoforge corpus") == "emoforge"


@pytest.mark.parametrize(
    ("headers", "found"),
    [
        ([], []),
        (["all"], []),
        (["noai"], ["noai"]),
        (["NoIndex, nofollow", "noimageai"], ["noimageai", "noindex"]),
        (["none"], ["none"]),
        (["otherbot: noai, noindex"], []),
        (["emoforge: noai, noindex"], ["noai", "noindex"]),
        (["otherbot: noindex, emoforge: noai"], ["noai"]),
        (["*: noai"], ["noai"]),
        (["unavailable_after: 25 Jun 2010 15:00:00 PST, noai"], ["noai"]),
        (["max-snippet: 10, noarchive"], []),
    ],
)
def test_opting_out(headers: list[str], found: list[str]) -> None:
    assert opt_outs(headers, "emoforge/0.1") == found
