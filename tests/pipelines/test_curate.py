"""The curate command end to end on made videos: local = Ray = killed and resumed, to the byte; the funnel sums."""

import os
import shutil
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from curate.corpus import open_corpus
from curate.media import read_frames
from curate.media_writing import write_video
from pipelines.__main__ import main
from tests.conftest import pan, pulsed_tone

pytestmark = [pytest.mark.usefixtures("face_weights"), pytest.mark.timeout(240)]

# the portrait's mouth stands still and its sound is a tone: keep what only a talking person has
LENIENT = [
    "--keep.face_size.min",
    "60",
    "--keep.mouth_aperture_std.min",
    "null",
    "--keep.speech_ratio.min",
    "null",
    "--triage_gap_s",
    "0",
]
SETTINGS = [*LENIENT, "--partition_size", "3", "--encode.size_px", "128"]


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory, portrait: NDArray[np.uint8]) -> Path:
    """Seven files: two good, one with a cut (two shots), an exact duplicate, no face, too short, and a text."""
    folder = tmp_path_factory.mktemp("videos")
    mirrored = portrait[:, ::-1].copy()
    write_video(folder / "a good.mp4", pan(portrait, 90), audio=pulsed_tone(3.6))
    write_video(folder / "b_cut.mp4", [*pan(portrait, 80), *pan(mirrored, 85)], audio=pulsed_tone(6.6))
    shutil.copy(folder / "a good.mp4", folder / "c_duplicate.mp4")
    write_video(folder / "d_no_face.mp4", pan(np.full_like(portrait, 90), 40))
    write_video(folder / "e_short.mp4", pan(portrait, 30), audio=pulsed_tone(1.2))
    (folder / "f_text.mp4").write_text("no video at all")
    write_video(folder / "g_good.mp4", pan(mirrored, 80), audio=pulsed_tone(3.2))
    return folder


def curate(*arguments: str | Path) -> int:
    return main(["curate", *map(str, arguments)])


def shards(run: Path) -> dict[str, bytes]:
    tables = ["index.parquet", "clips.parquet", "outcomes.parquet"]
    files = [*sorted((run / "shards").iterdir()), *(run / name for name in tables)]
    return {file.relative_to(run).as_posix(): file.read_bytes() for file in files}


@pytest.fixture(scope="module")
def local_run(videos: Path, tmp_path_factory: pytest.TempPathFactory, face_weights: None) -> Path:
    run = tmp_path_factory.mktemp("runs") / "local"
    assert curate(videos, "--out", run, "--workers", "2", *SETTINGS) == 0
    return run


def test_every_source_ends_in_exactly_one_outcome(videos: Path, local_run: Path) -> None:
    outcomes = pd.read_parquet(local_run / "outcomes.parquet")
    found = {Path(row.uri).name: (row.outcome, row.reason, row.n_clips) for row in outcomes.itertuples()}
    assert found == {
        "a good.mp4": ("kept", "", 1),
        "b_cut.mp4": ("kept", "", 2),
        "c_duplicate.mp4": ("rejected", "duplicate", 0),
        "d_no_face.mp4": ("rejected", "no_face", 0),
        "e_short.mp4": ("rejected", "duration_s", 0),
        "f_text.mp4": ("quarantined", "not_media", 0),
        "g_good.mp4": ("kept", "", 1),
    }
    assert len(outcomes) == len(list(videos.iterdir()))


def test_clips_hold_what_their_source_shows(local_run: Path) -> None:
    corpus = open_corpus(local_run)
    assert len(corpus.clips) == 4
    for ref in corpus.clips:
        frames = list(read_frames(corpus.video(ref)))
        row = corpus.row(ref, ["face_box", "rotation_speed_deg", "identity", "fps"])
        assert len(frames) == ref.n_frames == len(row["face_box"]) == len(row["rotation_speed_deg"])
        assert frames[0].image.shape == (128, 128, 3)
        assert row["fps"] == 25.0
        assert np.linalg.norm(row["identity"]) == pytest.approx(1, abs=1e-5)
        assert abs(len(corpus.audio(ref)) - ref.n_frames * 640) <= 1
        boxes = np.asarray(row["face_box"])
        assert (boxes >= 0).all()
        assert (boxes <= 128).all()
        assert 0.4 < (boxes[:, 3] - boxes[:, 1]).mean() / 128 < 0.75


def test_the_dropped_are_written_out_with_their_scores(local_run: Path) -> None:
    clips = pd.read_parquet(local_run / "clips.parquet")
    dropped = clips[clips.dropped_by.notna()]
    assert dropped.dropped_by.tolist() == ["duration_s"]
    assert dropped.dropped_detail.tolist() == ["duration_s is 1.2, under 3"]
    assert np.isnan(dropped.sharpness.iloc[0]), "a clip that is dropped already is not scored further"


def test_again_it_does_nothing_and_new_sources_are_taken_up(local_run: Path, videos: Path, tmp_path: Path) -> None:
    run = tmp_path / "again"
    shutil.copytree(local_run, run)
    before = shards(run)
    assert curate(videos, "--out", run, *SETTINGS) == 0
    assert shards(run) == before
    write_video(tmp_path / "new.mp4", [np.zeros((64, 64, 3), np.uint8)] * 10)
    assert curate(videos, tmp_path / "new.mp4", "--out", run, *SETTINGS) == 0
    assert len(pd.read_parquet(run / "outcomes.parquet")) == 8
    assert {name: content for name, content in shards(run).items() if name in before and "shards" in name} == {
        name: content for name, content in before.items() if "shards" in name
    }


@pytest.mark.ray
def test_ray_writes_the_same_bytes(local_run: Path, videos: Path, tmp_path: Path) -> None:
    ray = pytest.importorskip("ray")
    try:
        assert curate(videos, "--out", tmp_path / "ray", "--executor", "ray", "--workers", "2", *SETTINGS) == 0
    finally:
        ray.shutdown()
    assert shards(tmp_path / "ray") == shards(local_run)


@pytest.mark.parametrize("after_outcomes", [1, 4])
def test_killed_and_started_again_it_writes_the_same_bytes(
    local_run: Path, videos: Path, tmp_path: Path, after_outcomes: int
) -> None:
    run = tmp_path / "killed"
    command = [sys.executable, "-m", "pipelines", "curate", str(videos), "--out", str(run), "--workers", "1", *SETTINGS]
    process = subprocess.Popen(command, start_new_session=True, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and _outcomes_there(run) < after_outcomes and process.poll() is None:
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert not (run / "outcomes.parquet").exists(), "it was over before it was killed"
    assert curate(videos, "--out", run, "--workers", "2", *SETTINGS) == 0
    assert shards(run) == shards(local_run)
    assert not list(run.rglob("*.tmp*"))


def _outcomes_there(run: Path) -> int:
    committed = sum(len(pd.read_parquet(file)) for file in run.glob("committed/[0-9]*/outcomes.parquet"))
    return committed + len(list(run.glob("work/*/[0-9]*.parquet")))


def test_interrupted_it_says_how_to_go_on(videos: Path, tmp_path: Path) -> None:
    run = tmp_path / "interrupted"
    command = [sys.executable, "-m", "pipelines", "curate", str(videos), "--out", str(run), "--workers", "2", *SETTINGS]
    heed = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)  # a job in the background is born deaf to Ctrl-C
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, preexec_fn=heed)
    while _outcomes_there(run) < 1 and process.poll() is None:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "the same command goes on" in said
    assert "Traceback" not in said
    assert curate(videos, "--out", run, *SETTINGS) == 0
    assert len(pd.read_parquet(run / "outcomes.parquet")) == 7


def test_select_redecides_without_the_videos(local_run: Path, tmp_path: Path) -> None:
    clips = pd.read_parquet(local_run / "clips.parquet")
    kept = clips[clips.dropped_by.isna()]
    bar = kept.duration_s.sort_values().iloc[-2] + 0.01  # above all but the longest
    run = tmp_path / "selected"
    assert main(["select", str(local_run), "--out", str(run), "--keep.duration_s.min", str(bar)]) == 0
    corpus = open_corpus(run)
    assert [ref.clip_id for ref in corpus.clips] == kept[kept.duration_s >= bar].clip_id.tolist()
    assert corpus.video(corpus.clips[0])
    outcomes = pd.read_parquet(run / "outcomes.parquet")
    assert len(outcomes) == 7
    assert outcomes.n_clips.sum() == len(corpus.clips)

    loose = tmp_path / "loose"
    assert main(["select", str(local_run), "--out", str(loose), "--keep.duration_s.min", "1"]) == 0
    reasons = pd.read_parquet(loose / "clips.parquet").dropped_by.dropna().tolist()
    assert reasons == ["not_scored"], "it passes now, but later scores and its video were never made"
    assert shards(local_run) == shards(local_run)
