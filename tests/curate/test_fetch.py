"""Fetching over the web: what arrives is what was sent, or the reason is recorded, whatever the server does."""

import contextlib
import hashlib
import pickle
import ssl
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate import fetch as fetching
from curate.fetch import Fetched, FetchError, FetchRules, RobotsCache, check_licence, fetch
from curate.fetchers.web import parse
from curate.hosts import host_of
from curate.records import SourceEntry
from tests.curate.hostile_server import VIDEO, Request, Site, hostile_site, http_date

RULES = FetchRules(
    allow_private_hosts=True,
    max_bytes=1 << 20,
    total_timeout_s=5.0,
    idle_timeout_s=0.5,
    retries=0,
    backoff_s=0.01,
)
HTML = b"<!DOCTYPE html><html><body>Please sign in</body></html>" * 30


@pytest.fixture
def site() -> Iterator[Site]:
    with hostile_site() as running:
        yield running


def failure(uri: str, folder: Path, rules: FetchRules = RULES, *, within_s: float = 2.0) -> FetchError:
    """The error that fetching ends with, in time and with nothing left behind."""
    before = time.monotonic()
    with pytest.raises(FetchError) as caught:
        fetch(uri, folder=folder, rules=rules)
    assert time.monotonic() - before < within_s
    assert list(folder.iterdir()) == []
    return caught.value


def test_what_arrives_is_what_was_sent(site: Site, tmp_path: Path) -> None:
    """The name in the url and in the headers plays no part; the content's hash names the file."""
    evil = [("Content-Disposition", 'attachment; filename="../../../tmp/evil.sh"'), ("Content-Type", "text/html")]
    site.answers["/%2e%2e/%2e%2e/etc/passwd"] = lambda request: request.reply(body=VIDEO, headers=evil)
    got = fetch(f"{site.url}/%2e%2e/%2e%2e/etc/passwd?x=../../y#z", folder=tmp_path, rules=RULES)
    digest = hashlib.sha256(VIDEO).hexdigest()
    assert isinstance(got, Fetched)
    assert (got.sha256, got.size_bytes, got.content_type) == (digest, len(VIDEO), "text/html")
    assert got.path == tmp_path / digest[:32]
    assert got.path.read_bytes() == VIDEO
    assert list(tmp_path.iterdir()) == [got.path]
    assert got.final_uri == f"{site.url}/%2e%2e/%2e%2e/etc/passwd?x=../../y"
    assert datetime.fromisoformat(got.retrieved_at).utcoffset() is not None
    assert got.robots == "no robots.txt; no X-Robots-Tag"
    asked = dict(site.asked)["/%2e%2e/%2e%2e/etc/passwd?x=../../y"]
    assert (asked["User-Agent"], asked["Accept-Encoding"]) == ("emoforge/0.1", "identity")


@pytest.mark.parametrize(
    ("status", "transient"),
    [(401, False), (403, False), (404, False), (410, False), (416, False), (451, False), (304, False),
     (408, True), (429, True), (500, True), (502, True), (503, True), (504, True)],
)  # fmt: skip
def test_a_status_is_a_reason_for_good_or_for_now(site: Site, tmp_path: Path, status: int, transient: bool) -> None:
    site.answers["/v"] = lambda request: request.reply(status, VIDEO)
    error = failure(f"{site.url}/v", tmp_path)
    assert (error.reason, error.transient) == (f"http_{status}", transient)


@pytest.mark.parametrize(
    ("body", "what"),
    [
        (HTML, "HTML"),
        (b'{"error": "sign in"}', "JSON"),
        (b"<?xml version='1.0'?><Error>AccessDenied</Error>", "XML"),
        (b"#EXTM3U\n#EXTINF:10\nfile:///etc/passwd", "a playlist"),
        (b"PK\x03\x04" + bytes(600), "a zip archive"),
        (b"\x89PNG\r\n\x1a\n" + bytes(600), "a PNG picture"),
        (b"\x7fELF" + bytes(600), "a program"),
        (b"only words here", "text"),
        (bytes(range(1, 256)) * 3, "unknown data"),
    ],
)
def test_what_is_no_media_is_named(site: Site, tmp_path: Path, body: bytes, what: str) -> None:
    headers = [("Content-Type", "video/mp4")]
    site.answers["/v.mp4"] = lambda request: request.reply(body=body, headers=headers)
    error = failure(f"{site.url}/v.mp4", tmp_path)
    assert (error.reason, error.transient) == ("not_media", False)
    assert what in str(error)


def test_no_media_is_not_read_to_its_end(site: Site, tmp_path: Path) -> None:
    def endless(request: Request) -> None:
        request.reply(body=HTML, length=10**12)
        request.stall()

    site.answers["/v"] = endless
    assert failure(f"{site.url}/v", tmp_path, replace(RULES, max_bytes=10**13)).reason == "not_media"


def test_nothing_is_empty(site: Site, tmp_path: Path) -> None:
    site.answers["/v"] = lambda request: request.reply(body=b"")
    assert failure(f"{site.url}/v", tmp_path).reason == "empty"


def test_less_than_declared_is_truncated(site: Site, tmp_path: Path) -> None:
    site.answers["/v"] = lambda request: request.reply(body=VIDEO[:9_000], length=len(VIDEO))
    error = failure(f"{site.url}/v", tmp_path)
    assert (error.reason, error.transient) == ("truncated", True)


def test_a_broken_chunk_is_truncated(site: Site, tmp_path: Path) -> None:
    chunk = b"%x\r\n" % len(VIDEO) + VIDEO + b"\r\n"
    site.answers["/v"] = lambda request: request.reply(
        body=chunk, length=-1, headers=[("Transfer-Encoding", "chunked")]
    )
    assert failure(f"{site.url}/v", tmp_path).reason == "truncated"


def test_more_than_declared_is_cut_where_it_was_declared(site: Site, tmp_path: Path) -> None:
    site.answers["/v"] = lambda request: request.reply(body=VIDEO, length=10_000)
    assert fetch(f"{site.url}/v", folder=tmp_path, rules=RULES).path.read_bytes() == VIDEO[:10_000]


@pytest.mark.parametrize("length", ["-5", "many", "1, 2"])
def test_a_length_that_is_none_breaks_the_answer(site: Site, tmp_path: Path, length: str) -> None:
    site.answers["/v"] = lambda request: request.reply(body=VIDEO, length=-1, headers=[("Content-Length", length)])
    assert failure(f"{site.url}/v", tmp_path).reason == "connection_lost"


def test_too_many_bytes_by_what_is_declared(site: Site, tmp_path: Path) -> None:
    site.answers["/v"] = lambda request: request.reply(body=VIDEO, length=10**15)
    error = failure(f"{site.url}/v", tmp_path)
    assert (error.reason, error.transient) == ("too_many_bytes", False)


def test_too_many_bytes_by_what_arrives(site: Site, tmp_path: Path) -> None:
    def endless(request: Request) -> None:
        request.reply(body=VIDEO, length=-1)
        request.drip(iter(lambda: bytes(65_536), b""), 0.0)

    site.answers["/v"] = endless
    assert failure(f"{site.url}/v", tmp_path).reason == "too_many_bytes"


@pytest.mark.parametrize("coding", ["gzip", "br", "deflate, gzip"])
def test_a_packed_answer_is_refused(site: Site, tmp_path: Path, coding: str) -> None:
    site.answers["/v"] = lambda request: request.reply(body=VIDEO, headers=[("Content-Encoding", coding)])
    assert failure(f"{site.url}/v", tmp_path).reason == "content_encoding"


def test_stalling_before_the_answer(site: Site, tmp_path: Path) -> None:
    site.answers["/v"] = Request.stall
    error = failure(f"{site.url}/v", tmp_path)
    assert (error.reason, error.transient) == ("idle_timeout", True)


def test_stalling_in_the_middle(site: Site, tmp_path: Path) -> None:
    def stall(request: Request) -> None:
        request.reply(body=VIDEO[:5_000], length=len(VIDEO))
        request.stall()

    site.answers["/v"] = stall
    assert failure(f"{site.url}/v", tmp_path).reason == "idle_timeout"


@pytest.mark.parametrize("part", ["headers", "body"])
def test_dripping_ends_at_the_total_timeout(site: Site, tmp_path: Path, part: str) -> None:
    def drip(request: Request) -> None:
        if part == "body":
            request.reply(body=VIDEO[:5_000], length=len(VIDEO))
        else:
            request.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
        request.drip(iter(lambda: b"a", b""), 0.1)

    site.answers["/v"] = drip
    error = failure(f"{site.url}/v", tmp_path, replace(RULES, total_timeout_s=0.8, retries=5), within_s=1.5)
    assert (error.reason, error.transient) == ("total_timeout", True)


def test_hanging_up_without_an_answer(site: Site, tmp_path: Path) -> None:
    site.answers["/v"] = lambda request: None
    error = failure(f"{site.url}/v", tmp_path)
    assert (error.reason, error.transient) == ("connection_lost", True)


def test_what_is_no_http(site: Site, tmp_path: Path) -> None:
    site.answers["/v"] = lambda request: request.drip(iter([b"SSH-2.0-OpenSSH_9.6\r\n\r\n"]), 0.0)
    assert failure(f"{site.url}/v", tmp_path).reason == "connection_lost"


def test_headers_without_end(site: Site, tmp_path: Path) -> None:
    def endless(request: Request) -> None:
        request.wfile.write(b"HTTP/1.1 200 OK\r\n")
        request.drip(iter(lambda: b"X-More: " + b"a" * 1_000 + b"\r\n", b""), 0.0)

    site.answers["/v"] = endless
    assert failure(f"{site.url}/v", tmp_path).reason == "connection_lost"


def test_nobody_listens(site: Site, tmp_path: Path) -> None:
    with hostile_site() as gone:
        url = gone.url
    error = failure(f"{url}/v", tmp_path)
    assert (error.reason, error.transient) == ("connect_failed", True)


def test_a_location_beyond_ascii(site: Site, tmp_path: Path) -> None:
    """Servers send it raw; http.server writes Latin-1, so these are the bytes of UTF-8."""
    site.answers["/v"] = lambda request: request.redirect("/\u00c3\u00bc.mp4")
    site.answers["/%C3%BC.mp4"] = lambda request: request.reply(body=VIDEO)
    assert fetch(f"{site.url}/v", folder=tmp_path, rules=RULES).final_uri == f"{site.url}/%C3%BC.mp4"


@settings(max_examples=300, deadline=None)
@given(st.one_of(st.text(max_size=60), st.text(max_size=60).map("http://".__add__)))
def test_any_text_is_a_url_or_a_reason(uri: str) -> None:
    host_of(uri)
    with contextlib.suppress(FetchError):
        assert parse(uri).host


def test_redirects_are_followed_up_to_five(site: Site, tmp_path: Path) -> None:
    for hop in range(6):
        site.answers[f"/{hop}"] = partial(Request.redirect, target=f"{hop + 1}?q", status=301 + hop % 3)
    site.answers["/6"] = lambda request: request.reply(body=VIDEO)
    assert fetch(f"{site.url}/1", folder=tmp_path, rules=RULES).final_uri == f"{site.url}/6?q"
    (tmp_path / hashlib.sha256(VIDEO).hexdigest()[:32]).unlink()
    assert failure(f"{site.url}/0", tmp_path).reason == "too_many_redirects"


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        ("/v", "too_many_redirects"),
        ("file:///etc/passwd", "forbidden_scheme"),
        ("ftp://127.0.0.1/v", "forbidden_scheme"),
        ("data:video/mp4;base64,AAAA", "forbidden_scheme"),
        ("gopher://127.0.0.1:6379/_x", "forbidden_scheme"),
        ("//user:password@127.0.0.1/v", "bad_url"),
        ("http://127.0.0.1:22/v", "forbidden_port"),
        ("http://127.0.0.1:99999999/", "forbidden_port"),
        ("http://exa mple.org/", "bad_url"),
        ("http://127.0.0.1:port/", "bad_redirect"),
        ("", "bad_redirect"),
    ],
)
def test_where_a_redirect_may_not_lead(site: Site, tmp_path: Path, target: str, reason: str) -> None:
    site.answers["/v"] = lambda request: request.redirect(target)
    error = failure(f"{site.url}/v", tmp_path)
    assert (error.reason, error.transient) == (reason, False)


@pytest.mark.parametrize(
    "uri",
    ["http://127.0.0.1:{port}/v", "http://2130706433:{port}/v", "http://0x7f.1:{port}/v", "http://localhost:{port}/v",
     "http://0.0.0.0:{port}/v", "http://[::ffff:127.0.0.1]:{port}/v", "http://127.1:{port}/v",
     "HTTP://LOCALHOST:{port}/v"],
)  # fmt: skip
def test_the_inside_is_out_of_reach(site: Site, tmp_path: Path, uri: str) -> None:
    """Whatever its spelling; and with leave, the same address answers."""
    site.answers["/v"] = lambda request: request.reply(body=VIDEO)
    place = uri.format(port=site.port)
    error = failure(place, tmp_path, replace(RULES, allow_private_hosts=False))
    assert (error.reason, error.transient, error.refused) == ("forbidden_address", False, True)
    assert site.asked == []
    if "[" not in uri:
        assert fetch(place, folder=tmp_path, rules=RULES).size_bytes == len(VIDEO)


@pytest.mark.parametrize("found", [["127.0.0.1"], ["93.184.216.34", "10.0.0.1"], ["::1"], ["169.254.169.254"]])
def test_a_name_is_judged_by_all_its_addresses(site: Site, tmp_path: Path, found: list[str]) -> None:
    port = site.port
    with pytest.raises(FetchError) as caught:
        fetch(
            f"http://cdn.example.org:{port}/v",
            folder=tmp_path,
            rules=replace(RULES, allow_private_hosts=False),
            resolve=lambda host, _: found,
        )
    assert caught.value.reason == "forbidden_address"
    assert site.asked == []


def test_a_connection_goes_to_the_address_that_was_checked(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name that is public when it is checked and loopback when it is used (DNS rebinding) reaches nothing inside.

    Here only 127.0.0.1 counts as public, and the resolver's later answers are other addresses of this machine.
    """
    monkeypatch.setattr("curate.fetchers.connection.is_public", lambda address: address == "127.0.0.1")
    port = site.port
    site.answers["/v"] = lambda request: request.redirect(f"http://rebound.example.org:{port}/w")
    answers = {"cdn.example.org": ["127.0.0.1"], "rebound.example.org": ["127.0.0.2"]}
    asked: list[str] = []

    def resolve(host: str, port: int) -> list[str]:
        asked.append(host)
        return answers[host]

    with pytest.raises(FetchError) as caught:
        fetch(
            f"http://cdn.example.org:{port}/v",
            folder=tmp_path,
            rules=replace(RULES, allow_private_hosts=False, respect_robots=False),
            resolve=resolve,
        )
    assert caught.value.reason == "forbidden_address"
    assert asked == ["cdn.example.org", "rebound.example.org"], "each connection is resolved once"
    assert site.paths() == ["/v"]
    assert site.asked[0][1]["Host"] == f"cdn.example.org:{port}"


def test_the_environments_proxies_are_not_used(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    site.answers["/v"] = lambda request: request.reply(body=VIDEO)
    assert fetch(f"{site.url}/v", folder=tmp_path, rules=RULES).size_bytes == len(VIDEO)


@pytest.mark.parametrize(
    ("uri", "reason"),
    [
        ("file:///etc/passwd", "forbidden_scheme"),
        ("ftp://example.org/v.mp4", "forbidden_scheme"),
        ("github://a:b@/x", "forbidden_scheme"),
        ("simplecache::s3://bucket/v.mp4", "forbidden_scheme"),
        ("s3://bucket/v.zip::zip://x", "forbidden_scheme"),
        ("/etc/passwd", "forbidden_scheme"),
        ("s3://", "bad_url"),
        ("http://", "bad_url"),
        ("http://[::1", "bad_url"),
        ("http://user:password@example.org/v", "bad_url"),
        ("http://exa mple.org/v", "bad_url"),
        ("http://example.org:25/v", "forbidden_port"),
        ("http://" + "a" * 9_000, "bad_url"),
        ("ytdlp:file:///etc/passwd", "forbidden_scheme"),
        ("ytdlp:https://example.org/watch", "yt_dlp_off"),
    ],
)
def test_what_is_refused_before_anything_is_asked(tmp_path: Path, uri: str, reason: str) -> None:
    error = failure(uri, tmp_path)
    assert (error.reason, error.transient) == (reason, False)


def test_a_store_without_its_driver_says_which_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(scheme: str) -> None:
        raise ImportError(f"install something for {scheme}")

    monkeypatch.setattr("curate.fetchers.store.fsspec.filesystem", missing)
    error = failure("gs://bucket/v.mp4", tmp_path)
    assert error.reason == "driver_missing"
    assert "pip install emoforge[gs]" in str(error)


def test_an_unknown_host(tmp_path: Path) -> None:
    error = failure("http://nowhere.invalid/v", tmp_path, within_s=4.0)
    assert error.reason == "dns_failed"


# TLS


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate of video.example.org that signs itself, with its key, as one PEM file."""
    x509 = pytest.importorskip("cryptography.x509", reason="the TLS tests need cryptography")
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "video.example.org")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
    builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName("video.example.org")]), critical=False)
    pem = serialization.Encoding.PEM
    secret = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    file = tmp_path_factory.mktemp("tls") / "certificate.pem"
    file.write_bytes(builder.sign(key, hashes.SHA256()).public_bytes(pem) + secret)
    return file


def trust(monkeypatch: pytest.MonkeyPatch, certificate: Path) -> None:
    context = ssl.create_default_context(cafile=str(certificate))
    monkeypatch.setattr("curate.fetchers.connection._tls", lambda: context)


def fetch_here(uri: str, folder: Path) -> Fetched:
    """Fetch from this machine, whatever the host is called."""
    return fetch(uri, folder=folder, rules=RULES, resolve=lambda *_: ["127.0.0.1"])


def test_a_certificate_is_checked_against_the_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, certificate: Path
) -> None:
    """The connection goes to an address, and the certificate has to be the name's all the same."""
    with hostile_site(certificate=certificate) as site:
        site.answers["/v"] = lambda request: request.reply(body=VIDEO)
        with pytest.raises(FetchError) as unknown:
            fetch_here(f"https://video.example.org:{site.port}/v", tmp_path)
        trust(monkeypatch, certificate)
        with pytest.raises(FetchError) as misnamed:
            fetch_here(f"https://other.example.org:{site.port}/v", tmp_path)
        assert (unknown.value.reason, misnamed.value.reason) == ("tls", "tls")
        assert not misnamed.value.transient
        assert fetch_here(f"https://video.example.org:{site.port}/v", tmp_path).size_bytes == len(VIDEO)


def test_from_https_to_http_is_no_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, certificate: Path, site: Site
) -> None:
    trust(monkeypatch, certificate)
    with hostile_site(certificate=certificate) as secure:
        secure.answers["/v"] = lambda request: request.redirect(f"{site.url}/v")
        with pytest.raises(FetchError) as caught:
            fetch_here(f"https://video.example.org:{secure.port}/v", tmp_path)
    assert caught.value.reason == "insecure_redirect"
    assert site.asked == []


# Trying again


def test_trying_again_waits_longer_each_time(site: Site, tmp_path: Path) -> None:
    site.answers["/v"] = lambda request: request.reply(500)
    waits: list[float] = []
    with pytest.raises(FetchError, match="500"):
        fetch(
            f"{site.url}/v",
            folder=tmp_path,
            rules=replace(RULES, retries=3, backoff_s=1.0, total_timeout_s=50.0),
            random=lambda: 0.25,
            sleep=waits.append,
        )
    assert waits == [0.75, 1.5, 3.0]
    assert site.paths().count("/v") == 4


def test_for_good_is_not_tried_again(site: Site, tmp_path: Path) -> None:
    assert failure(f"{site.url}/v", tmp_path, replace(RULES, retries=5)).reason == "http_404"
    assert site.paths().count("/v") == 1


def busy_once(site: Site, asked: str) -> None:
    def answer(request: Request) -> None:
        if site.paths().count("/v") == 1:
            return request.reply(429, headers=[("Retry-After", asked)])
        return request.reply(body=VIDEO)

    site.answers["/v"] = answer


PATIENT = replace(RULES, retries=2, backoff_s=1.0, max_wait_s=60.0, total_timeout_s=100.0)


@pytest.mark.parametrize(("asked", "wait_s"), [("7", 7.0), ("0", 1.0), ("nonsense", 1.0), ("-3", 1.0)])
def test_the_wait_that_a_server_asks_for_is_kept(site: Site, tmp_path: Path, asked: str, wait_s: float) -> None:
    busy_once(site, asked)
    waits: list[float] = []
    fetch(f"{site.url}/v", folder=tmp_path, rules=PATIENT, random=lambda: 0.5, sleep=waits.append)
    assert waits == [wait_s]


@pytest.mark.parametrize("asked", ["61", "9" * 400])
def test_a_wait_that_is_too_long_is_left_to_a_later_run(site: Site, tmp_path: Path, asked: str) -> None:
    """Nothing is asked again before the time, and the error says how long the host wants peace."""
    busy_once(site, asked)
    error = failure(f"{site.url}/v", tmp_path, PATIENT)
    assert (error.reason, error.transient) == ("http_429", True)
    assert error.retry_after_s is not None
    assert error.retry_after_s > 60
    assert site.paths().count("/v") == 1


def test_a_wait_until_a_date(site: Site, tmp_path: Path) -> None:
    site.answers["/v"] = lambda request: request.reply(503, headers=[("Retry-After", http_date(-3_600))])
    error = failure(f"{site.url}/v", tmp_path)
    assert error.retry_after_s is not None
    assert 3_500 < error.retry_after_s <= 3_600


def test_an_error_survives_the_way_between_processes() -> None:
    error = pickle.loads(pickle.dumps(FetchError("http_429", "busy", True, 7.0)))  # noqa: S301 - our own bytes
    assert isinstance(error, FetchError)
    assert (error.reason, str(error), error.transient, error.retry_after_s) == ("http_429", "busy", True, 7.0)


# Going on where it broke off


def ranged(site: Site, **odd: str) -> None:
    """Answer /v: the first time it breaks off after 100 kB; then the rest, as asked for, but for what is odd."""

    def answer(request: Request) -> None:
        tag = [("ETag", odd.get("first_etag", '"one"'))] if "last_modified" not in odd else []
        dates = [("Last-Modified", odd["last_modified"])] if "last_modified" in odd else []
        if (wanted := request.headers["Range"]) is None:
            whole = site.paths().count("/v") > 1
            return request.reply(body=VIDEO if whole else VIDEO[:100_000], length=len(VIDEO), headers=tag + dates)
        start = int(wanted.removeprefix("bytes=").removesuffix("-"))
        if "ignore" in odd:
            return request.reply(body=VIDEO, headers=tag)
        told = odd.get("content_range", f"bytes {start}-{len(VIDEO) - 1}/{len(VIDEO)}")
        tag = [("ETag", odd["etag"])] if "etag" in odd else tag
        return request.reply(
            int(odd.get("status", 206)), VIDEO[start:], headers=[*tag, *dates, ("Content-Range", told)]
        )

    site.answers["/v"] = answer


def test_a_broken_download_goes_on_where_it_broke_off(site: Site, tmp_path: Path) -> None:
    ranged(site)
    got = fetch(f"{site.url}/v", folder=tmp_path, rules=replace(RULES, retries=1))
    assert got.sha256 == hashlib.sha256(VIDEO).hexdigest()
    assert got.path.read_bytes() == VIDEO
    headers = site.asked[-1][1]
    assert headers["If-Range"] == '"one"'
    assert 0 < int(headers["Range"].removeprefix("bytes=").removesuffix("-")) <= 100_000


def test_an_old_last_modified_will_do(site: Site, tmp_path: Path) -> None:
    ranged(site, last_modified=http_date(1_000))
    fetch(f"{site.url}/v", folder=tmp_path, rules=replace(RULES, retries=1))
    assert "Range" in site.asked[-1][1]


@pytest.mark.parametrize("odd", [{"first_etag": 'W/"one"'}, {"last_modified": http_date(-86_400)}, {"ignore": "yes"}])
def test_without_proof_that_it_is_the_same_all_is_fetched_again(
    site: Site, tmp_path: Path, odd: dict[str, str]
) -> None:
    ranged(site, **odd)
    got = fetch(f"{site.url}/v", folder=tmp_path, rules=replace(RULES, retries=1))
    assert got.path.read_bytes() == VIDEO
    assert ("Range" in site.asked[-1][1]) is ("ignore" in odd)


@pytest.mark.parametrize(
    "odd",
    [
        {"etag": '"two"'},
        {"content_range": f"bytes 0-{len(VIDEO) - 1}/{len(VIDEO)}"},
        {"content_range": f"bytes 99999-{len(VIDEO) - 1}/{len(VIDEO)}"},
        {"content_range": "bytes 100000-100010/100011"},
        {"content_range": f"bytes 100000-{len(VIDEO) - 1}/{len(VIDEO) + 7}"},
        {"content_range": "chapters 1-2/3"},
        {"content_range": ""},
        {"status": "416"},
    ],
    ids=str,
)
def test_a_rest_that_is_of_something_else_is_thrown_away(site: Site, tmp_path: Path, odd: dict[str, str]) -> None:
    ranged(site, **odd)
    error = failure(f"{site.url}/v", tmp_path, replace(RULES, retries=1))
    assert (error.reason, error.transient) == ("resume_refused", True)
    site.asked.clear()
    assert fetch(f"{site.url}/v", folder=tmp_path, rules=replace(RULES, retries=2)).path.read_bytes() == VIDEO


def test_a_rest_that_nobody_asked_for(site: Site, tmp_path: Path) -> None:
    headers = [("Content-Range", f"bytes 0-{len(VIDEO) - 1}/{len(VIDEO)}")]
    site.answers["/v"] = lambda request: request.reply(206, VIDEO, headers=headers)
    assert failure(f"{site.url}/v", tmp_path).reason == "http_206"


# What a site asks of robots


def robots(site: Site, text: str, status: int = 200) -> None:
    site.answers["/robots.txt"] = lambda request: request.reply(status, text.encode())
    site.answers["/v"] = lambda request: request.reply(body=VIDEO)


def test_robots_txt_says_no(site: Site, tmp_path: Path) -> None:
    robots(site, "User-agent: emoforge\nDisallow: /v")
    error = failure(f"{site.url}/v", tmp_path)
    assert (error.reason, error.transient, error.refused) == ("robots_txt", False, True)
    assert site.paths() == ["/robots.txt"]
    got = fetch(f"{site.url}/v", folder=tmp_path, rules=replace(RULES, respect_robots=False))
    assert got.robots == "not asked; no X-Robots-Tag"


def test_robots_txt_says_yes_and_is_asked_once_a_host(site: Site, tmp_path: Path) -> None:
    robots(site, "User-agent: *\nDisallow: /w")
    cache = RobotsCache()
    for _ in range(3):
        got = fetch(f"{site.url}/v", folder=tmp_path, rules=RULES, robots_cache=cache)
    assert got.robots == "robots.txt allows; no X-Robots-Tag"
    assert site.paths().count("/robots.txt") == 1


def test_robots_txt_holds_for_where_a_redirect_leads(site: Site, tmp_path: Path) -> None:
    robots(site, "User-agent: *\nDisallow: /v")
    site.answers["/start"] = lambda request: request.redirect("/v")
    assert failure(f"{site.url}/start", tmp_path).reason == "robots_txt"


@pytest.mark.parametrize("status", [401, 403, 404, 410])
def test_a_robots_txt_that_is_not_there_allows(site: Site, tmp_path: Path, status: int) -> None:
    robots(site, "User-agent: *\nDisallow: /", status)
    assert fetch(f"{site.url}/v", folder=tmp_path, rules=RULES).robots.startswith("no robots.txt")


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_robots_txt_out_of_order_allows_nothing_for_now(site: Site, tmp_path: Path, status: int) -> None:
    robots(site, "", status)
    error = failure(f"{site.url}/v", tmp_path)
    assert (error.reason, error.transient) == ("robots_unreachable", True)
    assert "/v" not in site.paths()


def test_a_robots_txt_in_circles_is_none(site: Site, tmp_path: Path) -> None:
    robots(site, "")
    site.answers["/robots.txt"] = lambda request: request.redirect("/robots.txt")
    assert fetch(f"{site.url}/v", folder=tmp_path, rules=RULES).robots.startswith("no robots.txt")


def test_a_robots_txt_without_end_is_read_for_500_kb(site: Site, tmp_path: Path) -> None:
    def endless(request: Request) -> None:
        request.reply(body=b"User-agent: *\nDisallow: /v\n", length=-1)
        request.drip(iter(lambda: b"# more\n" * 10_000, b""), 0.0)

    robots(site, "")
    site.answers["/robots.txt"] = endless
    assert failure(f"{site.url}/v", tmp_path).reason == "robots_txt"


@pytest.mark.parametrize("said", ["noai", "noimageai", "noindex", "emoforge: noai", "nofollow, NoIndex"])
def test_opting_out(site: Site, tmp_path: Path, said: str) -> None:
    site.answers["/v"] = lambda request: request.reply(body=VIDEO, headers=[("X-Robots-Tag", said)])
    error = failure(f"{site.url}/v", tmp_path)
    assert (error.reason, error.transient, error.refused) == ("opted_out", False, True)


def test_what_is_no_opting_out_is_recorded(site: Site, tmp_path: Path) -> None:
    headers = [("X-Robots-Tag", "otherbot: noai"), ("X-Robots-Tag", "noarchive")]
    site.answers["/v"] = lambda request: request.reply(body=VIDEO, headers=headers)
    got = fetch(f"{site.url}/v", folder=tmp_path, rules=RULES)
    assert got.robots == "no robots.txt; X-Robots-Tag: otherbot: noai, noarchive"


# Licences


@pytest.mark.parametrize(
    ("licence", "allowed", "reason"),
    [
        (None, None, None),
        ("anything", None, None),
        (None, ["CC-BY-4.0"], "licence_missing"),
        ("  ", ["CC-BY-4.0"], "licence_missing"),
        ("CC-BY-NC-4.0", ["CC-BY-4.0"], "licence_refused"),
        ("cc-by-4.0 ", ["CC0-1.0", "CC-BY-4.0"], None),
        ("CC-BY-4.0", [], "licence_refused"),
    ],
)
def test_licences(licence: str | None, allowed: list[str] | None, reason: str | None) -> None:
    entry = SourceEntry(uri="/v.mp4", licence=licence)
    if reason is None:
        return check_licence(entry, allowed)
    with pytest.raises(FetchError) as caught:
        check_licence(entry, allowed)
    assert (caught.value.reason, caught.value.refused) == (reason, True)
    return None


def test_a_full_disk_is_no_fault_of_the_source(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("curate.fetchers.arrival.sync", full)
    site.answers["/v"] = lambda request: request.reply(body=VIDEO)
    with pytest.raises(OSError, match="No space left") as caught:
        fetching.fetch(f"{site.url}/v", folder=tmp_path, rules=RULES)
    assert not isinstance(caught.value, FetchError)
    assert list(tmp_path.iterdir()) == []
