"""What the three I3D features show the network: which frames, which part of them, in which range."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from curate.errors import MediaError
from curate.media_writing import write_video
from evaluate.features.i3d_kinetics400 import i3d_kinetics400, prepare
from evaluate.features.i3d_latentsync import i3d_latentsync
from evaluate.features.i3d_stylegan_v import i3d_stylegan_v
from evaluate.networks import i3d_torchscript
from evaluate.observation import Observation

Feature = Callable[[Observation], NDArray[np.float32]]


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[Tensor]:
    """The videos that the network is given, in place of the network."""
    videos = list[Tensor]()

    def network(video: Tensor) -> Tensor:
        videos.append(video)
        return torch.zeros(1, 400)

    monkeypatch.setattr(i3d_torchscript, "load_i3d", lambda: network)
    return videos


def brightening(path: Path, n: int) -> Observation:
    """Frame i is grey 4 i, twice as wide as high, with black outside of the centre square."""
    frames = []
    for index in range(n):
        frame = np.zeros((64, 128, 3), np.uint8)
        frame[:, 32:96] = 4 * index
        frames.append(frame)
    write_video(path, frames)
    return Observation(media=path, max_frames=8)


def greys(video: Tensor) -> list[float]:
    """Mean value of each frame's middle, in the network's range."""
    return [float(frame[:, 60:160, 60:160].mean()) for frame in video[0].unbind(1)]


def test_stylegan_v_is_shown_the_first_16_frames_in_full_range(tmp_path: Path, shown: list[Tensor]) -> None:
    assert i3d_stylegan_v(brightening(tmp_path / "clip.mp4", 50)).shape == (1, 400)
    assert [video.shape for video in shown] == [(1, 3, 16, 224, 224)]
    assert greys(shown[0]) == pytest.approx([4 * i / 255 * 2 - 1 for i in range(16)], abs=0.03)


def test_kinetics400_is_shown_windows_over_the_whole_video(tmp_path: Path, shown: list[Tensor]) -> None:
    assert i3d_kinetics400(brightening(tmp_path / "clip.mp4", 50)).shape == (3, 400)
    firsts = [greys(video)[0] for video in shown]
    assert firsts == pytest.approx([4 * i / 255 * 2 - 1 for i in (0, 16, 32)], abs=0.03)


def test_latentsync_is_shown_faces_in_half_the_range(
    face_video: Path, portrait: NDArray[np.uint8], shown: list[Tensor], face_weights: None
) -> None:
    assert i3d_latentsync(Observation(media=face_video, max_frames=8)).shape == (1, 400)
    video = shown[0]
    assert video.shape == (1, 3, 16, 224, 224)
    assert 0 <= float(video.min()) < 0.1 < 0.9 < float(video.max()) <= 1
    face = portrait[75:165, 175:270].mean(axis=(0, 1)) / 255  # the picture's skin, red over blue
    assert video.mean(dim=(0, 2, 3, 4)).numpy() == pytest.approx(face, abs=0.12)


@pytest.mark.parametrize(("feature", "n"), [(i3d_stylegan_v, 15), (i3d_kinetics400, 15)])
def test_a_video_that_is_too_short_says_so(feature: Feature, n: int, tmp_path: Path, shown: list[Tensor]) -> None:
    with pytest.raises(MediaError) as raised:
        feature(brightening(tmp_path / "clip.mp4", n))
    assert raised.value.reason == "too_short"


def test_latentsync_says_what_is_missing(
    tmp_path: Path, portrait: NDArray[np.uint8], shown: list[Tensor], face_weights: None
) -> None:
    write_video(tmp_path / "short.mp4", [portrait] * 30)
    with pytest.raises(MediaError) as short:
        i3d_latentsync(Observation(media=tmp_path / "short.mp4", max_frames=8))
    with pytest.raises(MediaError) as faceless:
        i3d_latentsync(brightening(tmp_path / "grey.mp4", 40))
    assert (short.value.reason, faceless.value.reason) == ("too_short", "no_face")


def test_resizing_is_bilinear_without_antialiasing() -> None:
    """At a half it is the mean of 2x2 pixels, where an antialiased one would take in 4x4."""
    picture = np.random.default_rng(0).integers(0, 256, (448, 448, 3)).astype(np.uint8)
    halves = picture.reshape(224, 2, 224, 2, 3).mean(axis=(1, 3)) / 255 * 2 - 1
    assert prepare(picture).permute(1, 2, 0).numpy() == pytest.approx(halves, abs=1e-5)
