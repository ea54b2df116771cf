"""Real and generated clips: the decisions a person would make, the same under local processes and Ray."""

from pathlib import Path

import pandas as pd
import pytest

from curate.corpus import open_corpus
from curate.media import probe, read_frames
from pipelines.__main__ import main

pytestmark = [pytest.mark.slow, pytest.mark.ray, pytest.mark.timeout(400), pytest.mark.usefixtures("face_weights")]

EXPECTED = {
    "aoc_hdtf.mp4": ("kept", ""),
    "caption_overlay.mp4": ("rejected", "overlay_text_area"),
    "emo_talk_emotion.mp4": ("kept", ""),
    "ink_no_face.mp4": ("rejected", "no_audio"),
    "man_still_no_audio.mp4": ("rejected", "no_audio"),
    "garden_woman_1080p.mp4": ("kept", ""),
    "README.md": ("quarantined", "not_media"),
    "mocha_headphones.avi": ("kept", ""),
    "radio_clip_2s.mp4": ("rejected", "duration_s"),
    "title_cards.mp4": ("rejected", "no_face_in_keyframes"),
}


def test_real_clips_end_as_they_should_under_local_and_ray(media_folder: Path, tmp_path: Path) -> None:
    ray = pytest.importorskip("ray")
    files = [str(media_folder / name) for name in EXPECTED]
    assert main(["curate", *files, "--out", str(tmp_path / "local"), "--workers", "2"]) == 0
    outcomes = pd.read_parquet(tmp_path / "local" / "outcomes.parquet")
    found = {Path(row.uri).name: (row.outcome, row.reason) for row in outcomes.itertuples()}
    assert found == EXPECTED

    corpus = open_corpus(tmp_path / "local")
    assert len(corpus.clips) == 4
    for ref in corpus.clips:
        info = probe(corpus.video(ref))
        assert (info.width, info.height, info.codec, info.has_audio) == (512, 512, "h264", True)
        assert len(list(read_frames(corpus.video(ref), width=64))) == ref.n_frames

    try:
        command = ["curate", *files, "--out", str(tmp_path / "ray"), "--executor", "ray", "--workers", "2"]
        assert main(command) == 0
    finally:
        ray.shutdown()
    for file in (tmp_path / "local").glob("**/*.parquet"):
        assert file.read_bytes() == (tmp_path / "ray" / file.relative_to(tmp_path / "local")).read_bytes(), file.name
