"""The demo's whole path with tiny step counts, its second run, and what it says of videos that are of no use."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from numpy.typing import NDArray

pytest.importorskip("espeakng_loader", reason="the extra 'demo' is not installed")

from curate import weights
from curate.errors import WeightsError
from curate.media import probe
from curate.media_writing import write_video
from pipelines import demo
from pipelines.__main__ import main
from pipelines.config import build, to_values
from pipelines.sample_corpus.scenes import SCENES

FEW = ["--steps.image", "2", "--steps.video", "2", "--steps.speed", "2", "--denoising_steps", "1"]
SHORT = ["--samples", "2", "--sample_s", "0.6"]


def mtimes(folder: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.suffix in (".mp4", ".safetensors")}


@pytest.fixture
def all_weights() -> None:
    try:
        for name in weights.embedded():
            weights.path(name)
    except WeightsError as error:
        pytest.skip(str(error))


def test_the_yaml_holds_the_defaults() -> None:
    values = yaml.safe_load(Path("configs/demo.yaml").read_text())
    assert to_values(build(demo.DemoConfig, values, where="configs/demo.yaml")) == to_values(demo.DemoConfig())
    assert values == to_values(demo.DemoConfig())


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_whole_path_and_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], all_weights: None
) -> None:
    few = [s for s in SCENES if s.file in ("01_sync_ada.mp4", "02_sync_bea.mp4", "14_short.mp4", "17_text.mp4")]
    monkeypatch.setattr("pipelines.sample_corpus.scenes.SCENES", few)
    out = tmp_path / "demo"

    assert main(["demo", "--out", str(out), *FEW, *SHORT]) == 0
    said = capsys.readouterr().out
    assert "4 of 4 of curate's decisions agree" in said
    assert f"{out}/report.html" in said
    assert "[6/6] report" in said
    assert (out / "picture.png").read_bytes().startswith(b"\x89PNG")
    page = (out / "report.html").read_text()
    assert '<video src="samples/new_words.mp4"' in page
    assert 'href="evaluation/report.html"' in page
    assert probe(out / "samples" / "new_words.mp4").has_audio
    for linked in (
        "corpus/report.html",
        "evaluation/report.html",
        "models/speed/loss.png",
        "sample_corpus/manifest.csv",
    ):
        assert (out / linked).is_file(), linked

    before = mtimes(out)
    assert len([path for path in before if path.parent == out / "samples"]) == 2
    assert main(["demo", "--out", str(out), *FEW, *SHORT]) == 0
    assert mtimes(out) == before

    assert main(["demo", "--out", str(out), *FEW, "--samples", "1"]) == 2
    assert "choose another --out" in capsys.readouterr().err


def test_videos_without_a_usable_clip_are_named_one_by_one(
    tmp_path: Path,
    moving_picture: Callable[..., list[NDArray[np.uint8]]],
    face_weights: None,
    capsys: pytest.CaptureFixture[str],
) -> None:
    videos = tmp_path / "videos"
    write_video(videos / "bars.mp4", moving_picture(40))
    (videos / "notes.mp4").write_text("not a video")
    assert main(["demo", "--videos", str(videos), "--out", str(tmp_path / "demo")]) == 2
    said = capsys.readouterr().err
    assert "none of the 2 videos has a clip" in said
    assert "bars.mp4: rejected, no_audio" in said
    assert "notes.mp4: quarantined, not_media" in said
    assert "Traceback" not in said
    assert not (tmp_path / "demo" / "models").exists()

    (videos / "more.mp4").write_text("not a video either")
    assert main(["demo", "--videos", str(videos), "--out", str(tmp_path / "demo")]) == 2
    assert "files was 2, now 3" in capsys.readouterr().err


def test_a_missing_folder_of_videos_is_a_clear_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "--videos", str(tmp_path / "nowhere"), "--out", str(tmp_path / "demo")]) == 2
    assert "nowhere" in capsys.readouterr().err
    assert not (tmp_path / "demo").exists()


@pytest.mark.parametrize("flags", [["--samples", "0"], ["--steps.video", "0"], ["--sample_s", "-1"]])
def test_numbers_out_of_range_are_refused(flags: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "--out", str(tmp_path / "demo"), *flags]) == 2
    assert "must be" in capsys.readouterr().err
    shutil.rmtree(tmp_path / "demo", ignore_errors=True)


def test_refusals_are_listed_with_their_reason(tmp_path: Path) -> None:
    row = {"uri": "/v/a.mp4", "outcome": "rejected", "reason": "face_size", "n_clips": 0, "error": "too small"}
    pd.DataFrame([row]).to_parquet(tmp_path / "outcomes.parquet")
    with pytest.raises(demo.EmoforgeError, match=r"a\.mp4: rejected, face_size\. too small"):
        demo._usable(tmp_path)
