"""Paired measures: known answers, parity with torchmetrics, and what real videos give when they are spoilt."""

from collections.abc import Callable, Iterable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from curate import mesh, plugins, weights
from curate.errors import MediaError
from curate.media import read_frames
from curate.media_writing import write_video
from evaluate.networks.lpips_alex import LpipsAlex, load_linear
from evaluate.observation import Observation
from evaluate.paired_frames import paired_frames
from evaluate.pairs import lpips as lpips_pair
from evaluate.pairs.landmark_distance import MOUTH, centred_distance, landmark_distance
from evaluate.pairs.mouth_correlation import mouth_correlation
from evaluate.pairs.psnr import frame_psnr, psnr
from evaluate.pairs.ssim import frame_ssim, ssim

Picture = NDArray[np.uint8]


def observation(path: Path) -> Observation:
    return Observation(media=path, max_frames=8)


def written(path: Path, frames: Iterable[Picture]) -> Observation:
    write_video(path, frames, crf=12)
    return observation(path)


@pytest.fixture(scope="module")
def pictures() -> list[Picture]:
    random = np.random.default_rng(0)
    rough = random.integers(0, 255, (2, 12, 16, 3)).astype(np.uint8)
    return [np.asarray(cv2.resize(picture, (128, 96), interpolation=cv2.INTER_CUBIC), np.uint8) for picture in rough]


def test_psnr_of_a_known_error() -> None:
    flat = np.full((32, 32, 3), 100, np.uint8)
    assert frame_psnr(flat + 5, flat) == pytest.approx(10 * np.log10(255**2 / 25))
    assert frame_psnr(flat, flat) == 100.0


def test_ssim_is_scikit_images_and_torchmetrics_within_the_border(pictures: list[Picture]) -> None:
    metrics = pytest.importorskip("skimage.metrics")
    settings = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "data_range": 255}
    ours = frame_ssim(*pictures)
    assert ours == pytest.approx(metrics.structural_similarity(*pictures, channel_axis=2, **settings), abs=1e-9)
    torchmetrics = pytest.importorskip("torchmetrics.functional.image")
    batch = [torch.from_numpy(picture.astype(np.float64)).permute(2, 0, 1)[None] for picture in pictures]
    _, whole = torchmetrics.structural_similarity_index_measure(*batch, data_range=255.0, return_full_image=True)
    assert ours == pytest.approx(float(whole[..., 5:-5, 5:-5].mean()), abs=1e-6)
    assert frame_ssim(pictures[0], pictures[0]) == pytest.approx(1.0)


def test_psnr_is_torchmetrics(pictures: list[Picture]) -> None:
    metrics = pytest.importorskip("torchmetrics.functional.image")
    batch = [torch.from_numpy(picture.astype(np.float64)) for picture in pictures]
    assert frame_psnr(*pictures) == pytest.approx(float(metrics.peak_signal_noise_ratio(*batch, data_range=255.0)))


def test_lpips_is_torchmetrics_on_the_same_random_backbone(pictures: list[Picture]) -> None:
    oracle_module = pytest.importorskip("torchmetrics.functional.image.lpips")
    pytest.importorskip("torchvision")
    torch.manual_seed(0)
    oracle = oracle_module._LPIPS(net="alex", pnet_rand=True).eval()
    ours = LpipsAlex().eval()
    backbone = [value for key, value in oracle.net.state_dict().items()]
    keys = list(ours.features.state_dict())
    ours.features.load_state_dict(dict(zip(keys, backbone, strict=True)))
    load_linear(ours)
    batch = [torch.from_numpy(picture.astype(np.float32) / 127.5 - 1).permute(2, 0, 1)[None] for picture in pictures]
    with torch.inference_mode():
        expected, found = float(oracle(*batch)), float(ours(*batch)[0])
        assert found == pytest.approx(expected, rel=1e-5)
        assert found > 0
        assert float(ours(batch[0], batch[0])[0]) == 0.0


def test_the_backbone_loads_what_torchvision_publishes() -> None:
    models = pytest.importorskip("torchvision.models")
    published = models.alexnet(weights=None).state_dict()
    features = {key.removeprefix("features."): v for key, v in published.items() if key.startswith("features.")}
    LpipsAlex().features.load_state_dict(features, strict=True)


def test_lpips_of_videos_with_a_backbone_from_a_file(
    tmp_path: Path, moving_picture: Callable[..., list[Picture]], monkeypatch: pytest.MonkeyPatch
) -> None:
    models = pytest.importorskip("torchvision.models")
    pytest.importorskip("torchmetrics")
    torch.manual_seed(0)
    torch.save(models.alexnet(weights=None).state_dict(), tmp_path / "alexnet.pth")
    monkeypatch.setattr(weights, "path", lambda name: tmp_path / "alexnet.pth")
    lpips_pair._network.cache_clear()
    frames = moving_picture(4)
    real = written(tmp_path / "real.mp4", frames)
    smooth = written(tmp_path / "smooth.mp4", map(blurred(2), frames))
    assert lpips_pair.lpips(real, real) == {"mean": 0.0, "frames": 4.0}
    assert lpips_pair.lpips(smooth, real)["mean"] > 0
    lpips_pair._network.cache_clear()


def test_videos_meet_from_the_first_frame_on_over_their_common_length(
    tmp_path: Path, moving_picture: Callable[..., list[Picture]]
) -> None:
    frames = moving_picture(20)
    short, long = written(tmp_path / "short.mp4", frames[:12]), written(tmp_path / "long.mp4", frames)
    assert psnr(short, long)["frames"] == psnr(long, short)["frames"] == 12
    late = written(tmp_path / "late.mp4", frames[2:])
    assert psnr(late, long)["mean"] < psnr(short, long)["mean"] - 5


def test_another_size_is_brought_to_the_references_and_another_shape_is_refused(
    tmp_path: Path, moving_picture: Callable[..., list[Picture]]
) -> None:
    real = written(tmp_path / "real.mp4", moving_picture(3, height=96, width=128))
    half = [np.asarray(cv2.resize(p, (64, 48), interpolation=cv2.INTER_AREA), np.uint8) for p in moving_picture(3)]
    made, _ = next(paired_frames(written(tmp_path / "half.mp4", half), real))
    assert made.shape == (96, 128, 3)
    square = written(tmp_path / "square.mp4", moving_picture(3, height=96, width=96))
    with pytest.raises(MediaError, match="96x96"):
        next(paired_frames(square, real))


def blurred(sigma: float) -> Callable[[Picture], Picture]:
    return lambda image: np.asarray(cv2.GaussianBlur(image, (0, 0), sigma), np.uint8)


def noisy(sigma: float) -> Callable[[Picture], Picture]:
    noise = np.random.default_rng(0).normal(0, sigma, (512, 512, 3))
    return lambda image: np.asarray(np.clip(image + noise, 0, 255), np.uint8)


@pytest.mark.parametrize("changes", [[blurred(s) for s in (1, 3)], [noisy(s) for s in (5, 20)]])
def test_psnr_and_ssim_fall_with_blur_and_noise_on_a_real_clip(
    changes: list[Callable[[Picture], Picture]], media_folder: Path, tmp_path: Path
) -> None:
    clip = media_folder / "aoc_hdtf.mp4"
    frames = [frame.image for frame in read_frames(clip, end_s=0.2)]
    real = written(tmp_path / "real.mp4", frames)
    spoilt = [written(tmp_path / f"{i}.mp4", map(change, frames)) for i, change in enumerate(changes)]
    for name in ("psnr", "ssim"):
        numbers = [plugins.load("evaluate.pairs", name)(made, real)["mean"] for made in (real, *spoilt)]
        assert numbers == sorted(numbers, reverse=True), name
    assert psnr(real, real)["mean"] == 100.0
    assert ssim(real, real)["mean"] == pytest.approx(1.0)


def test_landmarks_of_a_moved_face_are_as_far_apart_as_it_moved_within_itself() -> None:
    face = np.random.default_rng(0).normal(size=(468, 3)).astype(np.float32) * 40
    assert centred_distance(face + 7, face) == pytest.approx(0.0, abs=1e-5), "where the face is does not count"
    opened = face.copy()
    opened[0, 1] += 468.0
    # its own point moves by 467 once the mean is taken away, the others by 1
    assert centred_distance(opened, face) == pytest.approx((467 + 467) / 468, rel=1e-4)


def test_the_mouths_points_are_those_around_the_lips() -> None:
    assert len(set(MOUTH)) == 40
    assert {mesh.UPPER_LIP, mesh.LOWER_LIP, mesh.RIGHT_MOUTH, mesh.LEFT_MOUTH} <= set(MOUTH)


def test_landmark_distance_is_none_of_a_clip_to_itself_and_grows_with_time(
    media_folder: Path, tmp_path: Path, face_weights: None
) -> None:
    frames = [frame.image for frame in read_frames(media_folder / "aoc_hdtf.mp4", end_s=1.6)]
    real = written(tmp_path / "real.mp4", frames[:25])
    same = landmark_distance(real, real)
    assert same == {"mouth": 0.0, "face": 0.0, "frames": 25.0}
    late = landmark_distance(written(tmp_path / "late.mp4", frames[10:35]), real)
    assert late["mouth"] > 0.5
    shrunk = [np.asarray(cv2.resize(f, (256, 256), interpolation=cv2.INTER_AREA), np.uint8) for f in frames[:25]]
    small = landmark_distance(written(tmp_path / "small.mp4", shrunk), real)
    assert small["face"] < late["face"] / 2, "the size of the picture is taken away"


def test_a_mouth_follows_itself_and_not_its_own_past(media_folder: Path, tmp_path: Path, face_weights: None) -> None:
    frames = [frame.image for frame in read_frames(media_folder / "aoc_hdtf.mp4", end_s=2.4)]
    real = written(tmp_path / "real.mp4", frames[:50])
    same = mouth_correlation(real, real)
    assert same == {"r": pytest.approx(1.0), "spread": pytest.approx(1.0), "frames": 50.0}
    small = written(tmp_path / "small.mp4", [np.asarray(cv2.resize(f, (256, 256)), np.uint8) for f in frames[:50]])
    assert mouth_correlation(small, real)["r"] > 0.95
    assert mouth_correlation(written(tmp_path / "late.mp4", frames[10:]), real)["r"] < 0.6


def test_mouths_that_share_less_than_a_second_are_not_compared() -> None:
    def seen_from(first: int) -> Any:
        aperture = np.random.default_rng(0).random(40).astype(np.float32)
        track = type("Seen", (), {"first": first, "mouth_aperture": aperture, "__len__": lambda _self: 40})()
        return SimpleNamespace(track=track)

    assert mouth_correlation(seen_from(3), seen_from(3))["r"] == pytest.approx(1.0)
    assert mouth_correlation(seen_from(0), seen_from(15))["frames"] == 25
    for first in (16, 90):
        with pytest.raises(MediaError, match="under 25"):
            mouth_correlation(seen_from(0), seen_from(first))
