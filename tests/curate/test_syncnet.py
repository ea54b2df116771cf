"""SyncNet: the network, the windows, shifts and padding of the reference, and its published number."""

import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch.nn.functional import pairwise_distance

from curate import weights
from curate.analysis import analyse
from curate.clip_media import ClipMedia, clip_media
from curate.errors import WeightsError
from curate.mfcc import mfcc
from curate.scorers import syncnet as scorer
from curate.scorers.syncnet import syncnet
from curate.syncnet import SyncNet, agreement, build_syncnet, embed, n_windows, shifted_distances, unpadded

Rows = NDArray[np.float32]


@pytest.fixture(scope="module")
def original() -> Any:
    """syncnet-python's class with random weights; its package asks for an older scenedetect, so the module alone."""
    package = importlib.util.find_spec("syncnet_python")
    if package is None or not package.submodule_search_locations:
        pytest.skip("syncnet-python is not installed")
    file = Path(package.submodule_search_locations[0]) / "SyncNetModel.py"
    spec = importlib.util.spec_from_file_location("syncnet_model", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    torch.manual_seed(0)
    network = module.S()
    for name, value in network.state_dict().items():
        if name.endswith(("running_mean", "running_var")):
            value.uniform_(0.5, 1.5)
    return network.eval()


def embeddings(n: int, *, seed: int) -> Rows:
    """(n, 1024) random rows of norm 10."""
    rows = np.random.default_rng(seed).normal(size=(n, 1024))
    rows *= 10 / np.linalg.norm(rows, axis=1, keepdims=True)
    return rows.astype(np.float32)


def late(rows: Rows, by: int) -> Rows:
    """The rows as they would be of sound that comes `by` frames late; what isn't known is noise."""
    noise = embeddings(len(rows), seed=99)
    moved = np.roll(rows, by, axis=0)
    if by > 0:
        moved[:by] = noise[:by]
    elif by < 0:
        moved[by:] = noise[by:]
    return moved


def reference_distances(lips: Rows, sound: Rows) -> Rows:
    """calc_pdist of the reference, written out."""
    padded = torch.nn.functional.pad(torch.from_numpy(sound), (0, 0, 15, 15))
    rows = [pairwise_distance(torch.from_numpy(lips[[i]]).repeat(31, 1), padded[i : i + 31]) for i in range(len(lips))]
    return torch.stack(rows).numpy()


@torch.inference_mode()
def test_the_network_is_the_original(original: Any) -> None:
    ours = build_syncnet(original.state_dict())
    pictures, sound = torch.rand(2, 3, 5, 224, 224) * 255, torch.randn(2, 1, 13, 20) * 10
    torch.testing.assert_close(ours.lips(pictures.flatten(1, 2)), original.forward_lip(pictures), rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(ours.sound(sound), original.forward_aud(sound), rtol=1e-4, atol=1e-4)


def test_weights_that_are_not_all_there_are_refused(original: Any) -> None:
    published = original.state_dict()
    del published["netfclip.3.bias"]
    with pytest.raises(RuntimeError, match=r"netfclip\.3\.bias"):
        build_syncnet(published)


@torch.inference_mode()
def test_embeddings_are_of_the_original_windows(original: Any) -> None:
    """Five pictures, blue first, and 20 rows of MFCC from row 4 i on; the last window that would fit is left out."""
    rng = np.random.default_rng(0)
    crops = rng.integers(0, 256, (16, 224, 224, 3)).astype(np.uint8)
    audio = rng.normal(0, 0.1, 16 * 640).astype(np.float32)
    lips, sound = embed(build_syncnet(original.state_dict()), crops, audio)
    assert len(lips) == len(sound) == n_windows(16, len(audio)) == 11
    pictures = torch.from_numpy(crops[..., ::-1].astype(np.float32)).permute(3, 0, 1, 2)[None]
    rows = torch.from_numpy(mfcc(audio).T.copy())[None, None]
    for window in (0, 7, 10):
        lip = original.forward_lip(pictures[:, :, window : window + 5])
        heard = original.forward_aud(rows[..., 4 * window : 4 * window + 20])
        torch.testing.assert_close(torch.from_numpy(lips[window]), lip[0], rtol=1e-4, atol=1e-4)
        torch.testing.assert_close(torch.from_numpy(sound[window]), heard[0], rtol=1e-4, atol=1e-4)


def test_distances_equal_the_reference() -> None:
    lips, sound = embeddings(40, seed=0), embeddings(40, seed=1)
    np.testing.assert_allclose(shifted_distances(lips, sound), reference_distances(lips, sound), rtol=1e-5)


@pytest.mark.parametrize("by", [-15, -6, -1, 0, 1, 6, 15])
@pytest.mark.parametrize("rows", [lambda distances: distances, unpadded], ids=["reference", "valid"])
def test_a_known_shift_is_found(by: int, rows: Callable[[Rows], Rows]) -> None:
    lips = embeddings(100, seed=0)
    assert agreement(rows(shifted_distances(lips, late(lips, by)))).late_frames == by


def test_equal_rows_have_no_distance_and_the_full_confidence() -> None:
    lips = embeddings(100, seed=0)
    found = agreement(unpadded(shifted_distances(lips, lips)))
    assert found.distance == pytest.approx(3.2e-5, rel=0.05)  # 1e-6 in each of 1024 places
    assert found.confidence == pytest.approx(np.sqrt(200), abs=0.1)  # two unrelated rows of norm 10


def test_padding_makes_short_unrelated_clips_look_in_sync() -> None:
    """Zeros are nearer than any sound, so a short clip's far shifts win; without padding there is no such pull."""
    confidence: dict[str, list[float]] = {"reference": [], "valid": []}
    offsets = []
    for seed in range(8):
        distances = shifted_distances(embeddings(45, seed=seed), embeddings(45, seed=100 + seed))
        confidence["reference"].append(agreement(distances).confidence)
        confidence["valid"].append(agreement(unpadded(distances)).confidence)
        offsets.append(abs(agreement(distances).late_frames))
    assert offsets == [15] * 8
    assert min(confidence["reference"]) > 0.5
    assert max(confidence["valid"]) < 0.2


def test_the_scorer_gives_both_protocols(face_video: Path, face_weights: None, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    network = build_syncnet(SyncNet().state_dict())
    monkeypatch.setattr(scorer, "_network", lambda: network)
    media = known_clip(face_video, n_frames=60)
    assert media.audio is not None
    distances = shifted_distances(*embed(network, media.face_crops, media.audio))
    assert distances.shape == (55, 31)
    found = syncnet(media)
    assert found["reference_distance"] == pytest.approx(distances.mean(axis=0).min())
    assert found["distance"] == pytest.approx(distances[15:40].mean(axis=0).min())
    assert found["reference_offset_frames"] == 15 - distances.mean(axis=0).argmin()
    assert found["offset_s"] == pytest.approx((distances[15:40].mean(axis=0).argmin() - 15) / 25)


def test_too_short_a_clip_is_none_without_looking(face_video: Path, face_weights: None) -> None:
    assert set(syncnet(known_clip(face_video, n_frames=49)).values()) == {None}


def test_the_published_clip_has_the_published_numbers(media_folder: Path, face_weights: None) -> None:
    try:
        weights.path("syncnet_v2")
    except WeightsError as error:
        pytest.skip(f"SyncNet's official weights are needed: {error}")
    found = syncnet(known_clip(media_folder / "mocha_headphones.avi"))
    assert found["reference_offset_frames"] == 1
    assert found["reference_distance"] == pytest.approx(9.255, abs=0.1)
    assert found["reference_confidence"] == pytest.approx(4.497, abs=0.1)


def known_clip(video: Path, *, n_frames: int | None = None) -> ClipMedia:
    """The video's longest face track, or its first frames."""
    found = analyse(video)
    track = max(found.tracks, key=len)
    return clip_media(video, found, track if n_frames is None else track.part(0, n_frames))
