"""Who may be asked when, by a clock that the test keeps; and in a simulation of many fetches."""

import itertools

import pytest

from curate.hosts import HostGate, host_of


@pytest.mark.parametrize(
    ("uri", "host"),
    [
        ("/videos/a.mp4", None),
        ("/videos/http://a", None),
        ("https://Example.ORG.:8443/a?b#c", "example.org"),
        ("http://[::1]/a", "::1"),
        ("http://[broken/a", ""),
        ("s3://Bucket-1/a/b.mp4", "s3://bucket-1"),
        ("ytdlp:https://www.youtube.com/watch?v=1", "ytdlp:youtube.com"),
        ("YTDLP:https://youtu.be/1", "ytdlp:youtube.com"),
        ("ytdlp:https://m.video.example.org/1", "ytdlp:example.org"),
        ("file:///etc/passwd", "file://"),
    ],
)
def test_whom_a_source_burdens(uri: str, host: str | None) -> None:
    assert host_of(uri) == host


def test_so_many_at_a_time_and_so_far_apart() -> None:
    gate = HostGate(max_per_host=2, min_interval_s=1.0)
    gate.started("a", 0.0)
    assert not gate.may_start("a", 0.5)
    assert gate.may_start("b", 0.5)
    assert gate.next_time(0.5) == 1.0
    gate.started("a", 1.0)
    assert not gate.may_start("a", 9.0)
    assert gate.next_time(9.0) is None, "only an end lets a go on, no time"
    gate.ended("a", 9.0)
    assert gate.may_start("a", 9.0)


def test_a_rest_holds_though_others_end_without_one() -> None:
    gate = HostGate(max_per_host=2, min_interval_s=0.0)
    gate.started("a", 0.0)
    gate.started("a", 0.0)
    gate.ended("a", 1.0, rest_s=30.0)
    gate.ended("a", 2.0)
    assert not gate.may_start("a", 30.9)
    assert gate.next_time(2.0) == 31.0
    assert gate.may_start("a", 31.0)


def test_yt_dlp_one_at_a_time() -> None:
    gate = HostGate(max_per_host=8, min_interval_s=0.0)
    gate.started("ytdlp:youtube.com", 0.0)
    assert not gate.may_start("ytdlp:youtube.com", 5.0)


def test_a_simulated_run_keeps_every_limit_and_ends() -> None:
    gate = HostGate(max_per_host=3, min_interval_s=0.5)
    waiting = [f"host{place % 4}" for place in range(80)]
    running: list[tuple[float, str]] = []
    starts: dict[str, list[float]] = {}
    now_s, most = 0.0, 0
    while waiting or running:
        for end_s, host in [each for each in running if each[0] <= now_s]:
            running.remove((end_s, host))
            gate.ended(host, now_s)
        if chosen := next((host for host in waiting if gate.may_start(host, now_s)), None):
            waiting.remove(chosen)
            gate.started(chosen, now_s)
            starts.setdefault(chosen, []).append(now_s)
            running.append((now_s + 2.0 + len(waiting) % 3, chosen))
            most = max(most, max(sum(name == each for _, name in running) for each in starts))
            continue
        ends = [end_s for end_s, _ in running]
        moment = gate.next_time(now_s)
        now_s = min(ends + ([] if moment is None else [moment]), default=now_s)
    assert most == 3
    assert sum(map(len, starts.values())) == 80
    assert all(b - a >= 0.5 for times in starts.values() for a, b in itertools.pairwise(times))
    assert gate.next_time(now_s + 1.0) is None
