"""LR-ASD: the original's numbers, a long clip as a short one, and who speaks in real clips."""

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from curate import lr_asd, weights
from curate.analysis import analyse
from curate.clip_media import ClipMedia, clip_media
from curate.errors import WeightsError
from curate.lr_asd import LrAsd, build_lr_asd, speaking_logits
from curate.scorers.active_speaker import active_speaker

# What the original's network, MFCC and cropping give for the first 26 frames of `pattern`, at some of the frames
ORIGINAL = {0: -3.02144, 5: -2.96547, 10: -3.15084, 16: -3.31491, 23: -3.01780, 24: -2.67156}


@pytest.fixture(scope="module")
def published() -> dict[str, torch.Tensor]:
    try:
        file = weights.path("lr_asd_ava")
    except WeightsError as error:
        pytest.skip(f"LR-ASD's weights are needed: {error}")
    loaded: dict[str, torch.Tensor] = torch.load(file, map_location="cpu", weights_only=True)
    return loaded


def pattern(n_frames: int) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Crops (n, 224, 224, 3) of moving waves, and a gliding tone that swells."""
    y, x = np.mgrid[:224, :224]
    crops = [
        np.stack([128 + 100 * np.sin(x / 9 + 6 * s) * np.cos(y / (11 + c) - 3 * s) for c in range(3)], axis=-1).round()
        for s in np.arange(n_frames) / 25
    ]
    time_s = np.arange(n_frames * 640) / 16_000
    tone = np.sin(2 * np.pi * (200 + 60 * time_s) * time_s) * (1 + np.sin(2 * np.pi * 3 * time_s)) / 2
    return np.stack(crops).astype(np.uint8), (0.3 * tone).astype(np.float32)


def test_the_original_gives_the_same_logits(published: dict[str, torch.Tensor]) -> None:
    logits = speaking_logits(build_lr_asd(published), *pattern(26))
    assert logits.shape == (25,)  # 26 frames of sound give 103 rows of MFCC, four a frame
    np.testing.assert_allclose(logits[list(ORIGINAL)], list(ORIGINAL.values()), atol=1e-3)


def test_weights_that_are_not_all_there_are_refused(published: dict[str, torch.Tensor]) -> None:
    partly = {name: value for name, value in published.items() if name != "model.fusion.bn.bias"}
    with pytest.raises(RuntimeError, match=r"fusion\.bn\.bias"):
        build_lr_asd(partly)


@torch.inference_mode()
def test_chunks_give_what_the_whole_gives(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    network = LrAsd().eval()
    faces, sound = torch.rand(53, 112, 112) * 255, torch.randn(212, 13)
    whole = network(faces, sound)
    monkeypatch.setattr(lr_asd, "_CHUNK", 12)
    torch.testing.assert_close(network(faces, sound), whole)


def clip(video: Path, *, track: int = 0, seconds: float = 4.0) -> ClipMedia:
    found = analyse(video)
    return clip_media(video, found, found.tracks[track].part(0, round(seconds * 25)))


def test_a_talking_face_speaks(media_folder: Path, face_weights: None, published: dict[str, torch.Tensor]) -> None:
    found = active_speaker(clip(media_folder / "aoc_hdtf.mp4"))
    assert found["score"] is not None
    assert found["score"] > 1
    assert found["speaking_ratio"] is not None
    assert found["speaking_ratio"] > 0.8


def test_a_still_picture_beside_it_does_not(
    media_folder: Path, face_weights: None, published: dict[str, torch.Tensor]
) -> None:
    found = active_speaker(clip(media_folder / "aniportrait_side_by_side.mp4"))
    assert found["score"] is not None
    assert found["score"] < -2.5
    assert found["speaking_ratio"] == 0


def test_a_talking_face_in_silence_does_not(
    media_folder: Path, face_weights: None, published: dict[str, torch.Tensor]
) -> None:
    media = clip(media_folder / "aoc_hdtf.mp4")
    assert media.audio is not None
    assert speaking_logits(build_lr_asd(published), media.face_crops, np.zeros_like(media.audio)).mean() < -2.5


def test_nothing_to_hear_or_to_see_is_none(face_video: Path, face_weights: None, media_folder: Path) -> None:
    assert active_speaker(clip(face_video, seconds=0.2)) == {"score": None, "speaking_ratio": None}
    assert active_speaker(clip(media_folder / "man_still_no_audio.mp4", seconds=2)) == {
        "score": None, "speaking_ratio": None,
    }  # fmt: skip
