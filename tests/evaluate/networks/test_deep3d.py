"""Deep3DFaceRecon's network against a ResNet-50 written out by hand, and its alignment against a known projection."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.io import savemat
from torch import Tensor
from torch.nn import functional

from curate import weights
from curate.errors import MediaError, WeightsError
from curate.mesh import five_points
from curate.one_thread import one_thread
from curate.weights import Weights
from evaluate.features.expression_deep3d_64 import expression_deep3d_64
from evaluate.networks import deep3d
from evaluate.observation import Observation

STAGES = {"layer1": (3, 64), "layer2": (4, 128), "layer3": (6, 256), "layer4": (3, 512)}
HEADS = (80, 64, 80, 3, 27, 2, 1)


@pytest.fixture(scope="module")
def published() -> dict[str, Tensor]:
    """Random tensors under the published checkpoint's names and shapes."""
    generator = torch.Generator().manual_seed(0)
    tensors: dict[str, Tensor] = {}

    def convolution(name: str, out: int, into: int, kernel: int) -> None:
        values = torch.randn(out, into, kernel, kernel, generator=generator)
        tensors[f"{name}.weight"] = values * (2 / (into * kernel**2)) ** 0.5

    def norm(name: str, channels: int) -> None:
        for part in ("weight", "running_var"):
            tensors[f"{name}.{part}"] = torch.rand(channels, generator=generator) * 0.2 + 0.5
        for part in ("bias", "running_mean"):
            tensors[f"{name}.{part}"] = torch.randn(channels, generator=generator) * 0.1
        tensors[f"{name}.num_batches_tracked"] = torch.tensor(7)

    convolution("backbone.conv1", 64, 3, 7)
    norm("backbone.bn1", 64)
    into = 64
    for stage, (blocks, width) in STAGES.items():
        for block in range(blocks):
            name = f"backbone.{stage}.{block}"
            shapes = ((1, width, into, 1), (2, width, width, 3), (3, 4 * width, width, 1))
            for index, out, channels, kernel in shapes:
                convolution(f"{name}.conv{index}", out, channels, kernel)
                norm(f"{name}.bn{index}", out)
            if block == 0:
                convolution(f"{name}.downsample.0", 4 * width, into, 1)
                norm(f"{name}.downsample.1", 4 * width)
            into = 4 * width
    for index, size in enumerate(HEADS):
        convolution(f"final_layers.{index}", size, 2048, 1)
        tensors[f"final_layers.{index}.bias"] = torch.randn(size, generator=generator)
    return tensors


def oracle(tensors: dict[str, Tensor], faces: Tensor) -> Tensor:
    """ResNet-50 by the equations, its stride in the 3x3 convolution, and seven linear heads on the mean."""

    def step(x: Tensor, convolution: str, norm: str, stride: int = 1) -> Tensor:
        kernel = tensors[f"{convolution}.weight"]
        x = functional.conv2d(x, kernel, stride=stride, padding=kernel.shape[-1] // 2)
        mean, variance, scale, shift = (
            tensors[f"{norm}.{part}"][:, None, None] for part in ("running_mean", "running_var", "weight", "bias")
        )
        return (x - mean) / (variance + 1e-5).sqrt() * scale + shift

    x = step(faces, "backbone.conv1", "backbone.bn1", stride=2).relu()
    x = functional.max_pool2d(x, 3, stride=2, padding=1)
    for stage, (blocks, _) in STAGES.items():
        for block in range(blocks):
            name, stride = f"backbone.{stage}.{block}", 2 if block == 0 and stage != "layer1" else 1
            y = step(x, f"{name}.conv1", f"{name}.bn1").relu()
            y = step(y, f"{name}.conv2", f"{name}.bn2", stride).relu()
            y = step(y, f"{name}.conv3", f"{name}.bn3")
            x = (y + (step(x, f"{name}.downsample.0", f"{name}.downsample.1", stride) if block == 0 else x)).relu()
    mean = x.mean(dim=(2, 3))
    heads = [
        mean @ tensors[f"final_layers.{i}.weight"].flatten(1).T + tensors[f"final_layers.{i}.bias"] for i in range(7)
    ]
    return torch.cat(heads, dim=1)


def test_the_network_is_the_resnet_written_out(published: dict[str, Tensor]) -> None:
    faces = torch.rand(1, 3, 224, 224, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode(), one_thread():
        ours, theirs = deep3d.read_checkpoint({"net_recon": published})(faces), oracle(published, faces)
    assert ours.shape == (1, 257)
    assert theirs.std() > 0.1
    assert torch.allclose(ours, theirs, atol=1e-4, rtol=1e-4)


def test_another_checkpoint_is_refused_by_name(published: dict[str, Tensor]) -> None:
    with pytest.raises(WeightsError, match="no net_recon"):
        deep3d.read_checkpoint(published)
    with pytest.raises(WeightsError, match=r"final_layers\.6\.bias"):
        deep3d.read_checkpoint({"net_recon": {k: v for k, v in published.items() if k != "final_layers.6.bias"}})
    with pytest.raises(WeightsError, match=r"stranger"):
        deep3d.read_checkpoint({"net_recon": {**published, "stranger": torch.zeros(1)}})


STANDARD = np.array([[-0.3, 0.3, 0.1], [0.3, 0.3, 0.1], [0.0, -0.05, 0.5], [-0.25, -0.4, 0.2], [0.25, -0.4, 0.2]])


@pytest.mark.parametrize(("scale", "x", "y"), [(60.0, 200.0, 150.0), (150.0, 310.0, 240.0), (102.0, 60.0, 400.0)])
def test_a_face_lands_centred_at_102_px_a_unit(scale: float, x: float, y: float) -> None:
    points = np.stack([x + scale * STANDARD[:, 0], y - scale * STANDARD[:, 1]], axis=1)
    picture = np.zeros((480, 640, 3), np.uint8)
    for across, down in points.round().astype(int):
        picture[down - 3 : down + 4, across - 3 : across + 4] = 255
    aligned = deep3d.align(picture, points.astype(np.float32), STANDARD)
    assert aligned.shape == (224, 224, 3)
    for across, up, _ in STANDARD:
        column, row = 112 + 102 * across, 112 - 102 * up
        patch = aligned[round(row) - 14 : round(row) + 15, round(column) - 14 : round(column) + 15, 0].astype(float)
        offsets = np.arange(-14, 15)
        centre = (patch.sum(axis=0) @ offsets, patch.sum(axis=1) @ offsets) / patch.sum()
        assert np.abs(centre).max() < 2


def test_a_face_of_a_pixel_is_refused_before_the_picture_is_blown_up() -> None:
    with pytest.raises(MediaError) as raised:
        deep3d.align(np.zeros((480, 640, 3), np.uint8), (STANDARD[:, :2] * 0.5 + 200).astype(np.float32), STANDARD)
    assert raised.value.reason == "face_too_small"


@pytest.fixture
def files(
    tmp_path: Path, published: dict[str, Tensor], monkeypatch: pytest.MonkeyPatch
) -> Iterator[NDArray[np.float64]]:
    """A checkpoint and 68 standard points on disk and in the table of weights; gives the points."""
    points = np.random.default_rng(0).normal(size=(68, 3))
    points[[36, 39, 42, 45, 30, 48, 54]] = STANDARD[[0, 0, 1, 1, 2, 3, 4]]
    torch.save({"net_recon": published}, tmp_path / "epoch_20.pth")
    savemat(tmp_path / "similarity_Lm3D_all.mat", {"lm": points})
    rows = {deep3d.WEIGHTS: "epoch_20.pth", deep3d.POINTS_WEIGHTS: "similarity_Lm3D_all.mat"}
    for name, file in rows.items():
        monkeypatch.setitem(weights.WEIGHTS, name, row(name, tmp_path / file))
    folders, cache = weights.folders()
    monkeypatch.setattr(weights, "_places", weights._Places(folders=(tmp_path, *folders), cache=cache))
    forget()
    yield points
    forget()


def forget() -> None:
    deep3d.load_deep3d.cache_clear()
    deep3d.standard_points.cache_clear()


def row(name: str, file: Path) -> Weights:
    content = file.read_bytes()
    return Weights(
        name=name,
        purpose="test",
        licence="none",
        commercial_use=False,
        file=file.name,
        sha256=hashlib.sha256(content).hexdigest(),
        size_bytes=len(content),
        sources=(),
    )


def test_standard_points_are_the_references_five(files: NDArray[np.float64]) -> None:
    assert deep3d.standard_points() == pytest.approx(STANDARD)


def test_the_feature_is_the_expressions_64_of_each_frame(
    files: NDArray[np.float64], face_video: Path, face_weights: None
) -> None:
    observation = Observation(media=face_video, max_frames=2)
    rows = expression_deep3d_64(observation)
    assert rows.shape == (len(observation.faces), 64)
    face = observation.faces[0]
    aligned = deep3d.align(face.picture.image, five_points(face.points), STANDARD)
    with torch.inference_mode(), one_thread():
        whole = deep3d.load_deep3d()(torch.from_numpy(aligned / np.float32(255)).permute(2, 0, 1)[None])
    assert rows[0] == pytest.approx(whole[0, 80:144].numpy(), abs=1e-4)
    assert np.abs(rows[0] - rows[1]).max() > 1e-3
