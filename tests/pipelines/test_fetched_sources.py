"""The curate command on sources that have to be fetched: manifests, hosts that misbehave, licences, spans, domains."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from curate.media_writing import write_video
from pipelines.__main__ import main
from tests.conftest import pan, pulsed_tone
from tests.curate.hostile_server import Site, hostile_site
from tests.pipelines.test_curate import SETTINGS, shards

pytestmark = [pytest.mark.usefixtures("face_weights"), pytest.mark.timeout(240)]

QUICK = [
    "--fetch.retries",
    "1",
    "--fetch.backoff_s",
    "0.05",
    "--fetch.idle_timeout_s",
    "2",
    "--fetch.min_interval_s",
    "0",
]


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory, portrait: NDArray[np.uint8]) -> Path:
    file = tmp_path_factory.mktemp("good") / "good.mp4"
    write_video(file, pan(portrait, 200), audio=pulsed_tone(8.0))
    return file


@pytest.fixture
def site(good: Path) -> Iterator[Site]:
    content = good.read_bytes()
    with hostile_site() as site:
        site.answers |= {
            "/good.mp4": lambda ask: ask.reply(body=content),
            "/page.mp4": lambda ask: ask.reply(body=b"<!DOCTYPE html><html>no video</html>"),
            "/gone.mp4": lambda ask: ask.reply(404),
            "/broken.mp4": lambda ask: ask.reply(500),
            "/short.mp4": lambda ask: ask.reply(body=content[:9000], length=len(content)),
            "/private/video.mp4": lambda ask: ask.reply(body=content),
            "/optout.mp4": lambda ask: ask.reply(body=content, headers=[("X-Robots-Tag", "noai")]),
            "/robots.txt": lambda ask: ask.reply(body=b"User-agent: *\nDisallow: /private/\n"),
        }
        yield site


def curate(*arguments: object) -> int:
    return main(["curate", *SETTINGS, *QUICK, *map(str, arguments)])


def ends(run: Path) -> dict[str, tuple[str, str]]:
    outcomes = pd.read_parquet(run / "outcomes.parquet")
    return {row.uri.rpartition("/")[2]: (row.outcome, row.reason) for row in outcomes.itertuples()}


def test_every_answer_of_a_host_ends_as_an_outcome(site: Site, tmp_path: Path) -> None:
    uris = [f"{site.url}{path}" for path in site.answers if path != "/robots.txt"]
    assert curate(*uris, "--out", tmp_path / "run", "--allow-private-hosts") == 0
    assert ends(tmp_path / "run") == {
        "good.mp4": ("kept", ""),
        "page.mp4": ("quarantined", "not_media"),
        "gone.mp4": ("quarantined", "http_404"),
        "broken.mp4": ("quarantined", "http_500"),
        "short.mp4": ("quarantined", "truncated"),
        "video.mp4": ("rejected", "robots_txt"),
        "optout.mp4": ("rejected", "opted_out"),
    }
    assert "/private/video.mp4" not in site.paths()
    assert not (tmp_path / "run" / "fetched").exists(), "nothing that was fetched is left behind"
    clips = pd.read_parquet(tmp_path / "run" / "clips.parquet")
    assert clips.rights.notna().all()


def test_what_is_fetched_gives_the_clips_that_the_file_gives(site: Site, good: Path, tmp_path: Path) -> None:
    assert curate(f"{site.url}/good.mp4", "--out", tmp_path / "web", "--allow-private-hosts") == 0
    assert curate(good, "--out", tmp_path / "file") == 0
    columns = ["clip_id", "source_id", "sha256", "sharpness", "head_pose_yaw_deg"]
    web, file = (pd.read_parquet(tmp_path / name / "clips.parquet")[columns] for name in ("web", "file"))
    pd.testing.assert_frame_equal(web, file)


def test_the_inside_is_closed_unless_it_is_opened(site: Site, tmp_path: Path) -> None:
    assert curate(f"{site.url}/good.mp4", "--out", tmp_path / "run") == 0
    assert ends(tmp_path / "run") == {"good.mp4": ("rejected", "forbidden_address")}
    assert site.asked == []


def test_a_manifest_names_spans_licences_domains_and_more(good: Path, tmp_path: Path) -> None:
    shutil.copy(good, tmp_path / "talk.mp4")
    rows = [
        {"uri": "talk.mp4", "licence": "CC-BY-4.0", "start_s": 0, "end_s": 3.6, "domain": "speech", "who": "A"},
        {"uri": "talk.mp4", "licence": "CC-BY-4.0", "start_s": 4.0, "end_s": 8.0, "domain": "singing", "who": "A"},
        {"uri": "talk.mp4", "licence": None, "start_s": 1, "end_s": 5, "domain": "speech", "who": "B"},
        {"uri": "file:///etc/passwd", "licence": "CC-BY-4.0", "domain": "speech"},
    ]  # fmt: skip
    manifest = tmp_path / "sources.jsonl"
    manifest.write_text("".join(json.dumps(row) + "\n" for row in rows))
    command = [manifest, "--out", tmp_path / "run", "--licences", "[CC-BY-4.0, CC0-1.0]"]
    assert curate(*command, "--keep.speech_ratio.min", "0.9") == 0
    outcomes = pd.read_parquet(tmp_path / "run" / "outcomes.parquet")
    assert outcomes[["outcome", "reason"]].apply(tuple, axis=1).tolist() == [
        ("rejected", "speech_ratio"),  # a tone is no speech,
        ("kept", ""),  # but may be sung
        ("rejected", "licence_missing"),
        ("rejected", "forbidden_scheme"),
    ]
    clips = pd.read_parquet(tmp_path / "run" / "clips.parquet")
    sung = clips[clips.domain == "singing"].iloc[0]
    assert (sung.start_s, sung.end_s) == (4.0, 8.0)
    assert json.loads(sung.extra) == {"who": "A"}
    assert sung.licence == "CC-BY-4.0"


def test_interrupted_between_fetching_and_curating_it_goes_on(site: Site, tmp_path: Path) -> None:
    """A fetched file of a killed run is fetched again, and the corpus is the same."""
    uris = [f"{site.url}/good.mp4?part={i}" for i in range(2)]
    run = tmp_path / "run"
    assert curate(*uris, "--out", run, "--allow-private-hosts") == 0
    (run / "fetched" / "00000-00007").mkdir(parents=True)
    (run / "fetched" / "00000-00007" / "left.mp4").write_bytes(b"half")
    before = shards(run)
    assert curate(*uris, f"{site.url}/good.mp4?part=3", "--out", run, "--allow-private-hosts") == 0
    assert {name: content for name, content in shards(run).items() if "shards/" in name} == {
        name: content for name, content in before.items() if "shards/" in name
    }
    assert not (run / "fetched").exists()
    assert pd.read_parquet(run / "outcomes.parquet").reason.tolist() == ["", "duplicate", "duplicate"]
