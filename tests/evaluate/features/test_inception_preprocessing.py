"""What each FID implementation does to a picture before the network: known answers, and which frames are taken."""

from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from torch import nn

from curate.media_writing import write_video
from evaluate.features import inception_2015, inception_clean_fid, inception_pytorch_fid, inception_torchmetrics
from evaluate.networks import inception_2015 as network
from evaluate.observation import Observation
from evaluate.resizing import bicubic_pillow, bilinear, bilinear_antialiased, bilinear_tensorflow1, planes

VARIANTS = (inception_2015, inception_clean_fid, inception_pytorch_fid, inception_torchmetrics)
NEEDS_FID = "torch-fidelity is in the extra emoforge[fid]"


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda module: module.__name__.rsplit(".", 1)[-1])
@pytest.mark.parametrize("size", [(64, 64), (300, 200), (299, 299)])
def test_a_flat_picture_stays_flat_at_the_networks_size_and_range(variant: ModuleType, size: tuple[int, int]) -> None:
    pytest.importorskip("torch_fidelity", reason=NEEDS_FID)
    for value in (0, 255):
        given = variant.preprocess(np.full((*size, 3), value, np.uint8))
        assert given.shape == (1, 3, 299, 299)
        assert given.dtype == torch.float32
        expected = 2 * value / 255 - 1 if variant is inception_pytorch_fid else (value - 128) / 128
        assert torch.allclose(given, torch.full_like(given, expected), atol=1e-6)


def test_channels_stay_red_green_blue() -> None:
    red = np.zeros((80, 80, 3), np.uint8)
    red[:, :, 0] = 255
    for resized in (bilinear(planes(red), size_px=8), bicubic_pillow(red, size_px=8)):
        assert resized[0].mean(dim=(1, 2)).tolist() == [255, 0, 0]


def test_enlarging_an_edge_shows_where_each_puts_its_pixels() -> None:
    edge = np.tile(np.array([0, 200], np.uint8)[None, :, None], (2, 1, 3))
    pytest.importorskip("torch_fidelity", reason=NEEDS_FID)
    assert bilinear(planes(edge), size_px=4)[0, 0, 0].tolist() == [0, 50, 150, 200]  # pixel centres
    assert bilinear_tensorflow1(planes(edge), size_px=4)[0, 0, 0].tolist() == [0, 100, 200, 200]  # pixel corners
    bicubic = bicubic_pillow(edge, size_px=4)[0, 0, 0].tolist()
    assert bicubic[0] == 0  # below 0 before it is clipped
    assert bicubic[1] == pytest.approx(200 - bicubic[2], abs=1e-3)


def test_reducing_a_fine_pattern_aliases_without_antialiasing_only() -> None:
    """Stripes of 1 px in every 4, reduced fourfold: those with antialiasing give their mean, 50, everywhere."""
    stripes = np.zeros((64, 64, 3), np.uint8)
    stripes[:, ::4] = 200
    pytest.importorskip("torch_fidelity", reason=NEEDS_FID)
    inner = (0, 0, 8, slice(3, -3))
    assert bilinear(planes(stripes), size_px=16)[inner].tolist() == [0] * 10
    assert bilinear_tensorflow1(planes(stripes), size_px=16)[inner].tolist() == [200] * 10
    for smooth in (bilinear_antialiased(planes(stripes), size_px=16), bicubic_pillow(stripes, size_px=16)):
        assert torch.allclose(smooth[inner], torch.full((10,), 50.0), atol=0.5)


def test_every_frame_or_the_chosen_ones_as_the_protocol_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "grey.mp4"
    write_video(path, (np.full((64, 64, 3), 40 * index, np.uint8) for index in range(6)))
    mean_colour = nn.Sequential(nn.AdaptiveAvgPool2d(1))
    monkeypatch.setattr(network, "load_inception_2015", lambda: mean_colour)
    every = network.pool3(Observation(media=path, max_frames=None), preprocess=planes)
    chosen = network.pool3(Observation(media=path, max_frames=3), preprocess=planes)
    assert np.allclose(every, np.repeat(40.0 * np.arange(6)[:, None], 3, axis=1), atol=3)
    assert chosen.dtype == np.float32
    assert np.array_equal(chosen, every[::2])
