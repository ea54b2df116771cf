"""Pages by yt-dlp's generic extractor, against the hostile server: one video, in time, or a reason."""

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from curate.fetch import FetchError, FetchRules, fetch
from tests.curate.hostile_server import VIDEO, Request, Site, hostile_site

yt_dlp = pytest.importorskip("yt_dlp", reason="pages need the extra emoforge[yt-dlp]")
page_download = pytest.importorskip("curate.fetchers.page_download")

RULES = FetchRules(
    allow_private_hosts=True,
    allow_yt_dlp=True,
    max_bytes=1 << 20,
    total_timeout_s=20.0,
    idle_timeout_s=2.0,
    retries=0,
)
PAGE = b'<html><head><title>../../evil</title></head><body><video src="%s"></video></body></html>'


@pytest.fixture
def site() -> Iterator[Site]:
    with hostile_site() as running:
        running.answers["/v.mp4"] = lambda request: request.reply(body=VIDEO, headers=[("Content-Type", "video/mp4")])
        yield running


def page(site: Site, video: str) -> str:
    html = [("Content-Type", "text/html")]
    site.answers["/watch"] = lambda request: request.reply(body=PAGE % video.encode(), headers=html)
    return f"ytdlp:{site.url}/watch"


def failure(uri: str, folder: Path, rules: FetchRules = RULES) -> FetchError:
    with pytest.raises(FetchError) as caught:
        fetch(uri, folder=folder, rules=rules)
    assert list(folder.iterdir()) == []
    return caught.value


def test_a_pages_video_arrives_under_no_name_of_the_page(site: Site, tmp_path: Path) -> None:
    got = fetch(page(site, "/v.mp4"), folder=tmp_path, rules=RULES)
    assert got.path.read_bytes() == VIDEO
    assert list(tmp_path.iterdir()) == [got.path]
    assert got.final_uri == f"{site.url}/watch"
    assert got.robots == "no robots.txt"


def test_a_video_that_drips_ends_at_the_total_timeout(site: Site, tmp_path: Path) -> None:
    def drip(request: Request) -> None:
        request.reply(body=VIDEO[:5_000], length=len(VIDEO), headers=[("Content-Type", "video/mp4")])
        request.drip(iter(lambda: b"a", b""), 0.1)

    uri = page(site, "/slow.mp4")
    site.answers["/slow.mp4"] = drip
    before = time.monotonic()
    error = failure(uri, tmp_path, replace(RULES, total_timeout_s=5.0))
    assert (error.reason, error.transient) == ("total_timeout", True)
    assert time.monotonic() - before < 6.5
    assert "/slow.mp4" in site.paths()


def test_the_inside_is_out_of_reach(site: Site, tmp_path: Path) -> None:
    error = failure(page(site, "/v.mp4"), tmp_path, replace(RULES, allow_private_hosts=False, respect_robots=False))
    assert (error.reason, error.refused) == ("forbidden_address", True)
    assert site.asked == []


def test_robots_txt_says_no(site: Site, tmp_path: Path) -> None:
    site.answers["/robots.txt"] = lambda request: request.reply(body=b"User-agent: *\nDisallow: /watch")
    assert failure(page(site, "/v.mp4"), tmp_path).reason == "robots_txt"


def answer(url: str, folder: Path, *, max_bytes: int = 1 << 20) -> tuple[str, bool]:
    """What the downloading process would answer: reason and whether it may pass."""
    said = page_download.answer_to(
        {"url": url, "folder": str(folder), "max_bytes": max_bytes, "idle_timeout_s": 2.0, "allow_private_hosts": True}
    )
    return said["reason"], said["transient"]


def test_too_many_bytes(site: Site, tmp_path: Path) -> None:
    assert answer(page(site, "/v.mp4")[6:], tmp_path, max_bytes=10_000) == ("too_many_bytes", False)


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (404, ("unavailable", False)),
        (403, ("blocked", False)),
        (429, ("blocked", False)),
        (500, ("yt_dlp_error", True)),
    ],
)
def test_a_page_that_says_no(site: Site, tmp_path: Path, status: int, expected: tuple[str, bool]) -> None:
    site.answers["/watch"] = lambda request: request.reply(status)
    assert answer(f"{site.url}/watch", tmp_path) == expected


def test_a_page_without_a_video(site: Site, tmp_path: Path) -> None:
    site.answers["/watch"] = lambda request: request.reply(body=b"<html><body>words</body></html>")
    assert answer(f"{site.url}/watch", tmp_path) == ("unsupported_page", False)


def test_a_playlist_for_ffmpeg_is_no_usable_format(site: Site, tmp_path: Path) -> None:
    """ffmpeg would open what the playlist names, files of this machine too, past every check."""
    body = b"#EXTM3U\n#EXTINF:10,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n"
    kind = [("Content-Type", "application/vnd.apple.mpegurl")]
    site.answers["/list.m3u8"] = lambda request: request.reply(body=body, headers=kind)
    assert answer(page(site, "/list.m3u8")[6:], tmp_path) == ("no_usable_format", False)


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ("ERROR: [youtube] x: Sign in to confirm you’re not a bot. Use --cookies", "blocked"),
        ("ERROR: [vimeo] 1: This video is only available for registered users: log in", "blocked"),
        ("ERROR: [youtube] x: Video unavailable. This video has been removed by the uploader", "unavailable"),
        ("ERROR: [youtube] x: Private video", "unavailable"),
        ("ERROR: Unsupported URL: https://example.org", "unsupported_page"),
        ("ERROR: [x] 1: This video is DRM protected", "no_usable_format"),
        ("ERROR: [x] 1: Unable to download webpage: timed out", "yt_dlp_error"),
    ],
)
def test_what_yt_dlp_says_becomes_a_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str, reason: str
) -> None:
    def fail(order: dict[str, Any]) -> None:
        raise yt_dlp.utils.DownloadError(said)

    monkeypatch.setattr(page_download, "_download", fail)
    assert answer("https://example.org/", tmp_path) == (reason, reason == "yt_dlp_error")
