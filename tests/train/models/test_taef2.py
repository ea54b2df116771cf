"""TAEF2: the published files fit, a real face survives, latents have unit size; anything else is refused."""

from collections.abc import Iterator
from pathlib import Path

import av
import pytest
import torch

from curate import weights
from curate.errors import WeightsError
from train.models.in_pieces import in_pieces
from train.models.taef2 import Taef2Latents, load_taef2

PUBLISHED = ("taef2_encoder", "taef2_decoder")


@pytest.fixture
def published() -> Taef2Latents:
    """The autoencoder with its weights."""
    if any(weights.find(name) is None for name in PUBLISHED):
        pytest.skip("TAEF2's files are not there; set EMOFORGE_WEIGHTS")
    return load_taef2()


@pytest.fixture
def no_weights(tmp_path: Path) -> Iterator[Path]:
    """An empty folder as the only place of weights."""
    before, cache = weights.folders()
    weights.use_folders([tmp_path], cache=tmp_path)
    yield tmp_path
    weights.use_folders(before, cache=cache)


def face(media_folder: Path) -> torch.Tensor:
    """The face of a real video's first frame, 256 px, RGB in [-1, 1]."""
    with av.open(str(media_folder / "kitchen_man_1080p.mp4")) as video:
        frame = next(video.decode(video=0)).to_ndarray(format="rgb24")
    side = min(frame.shape[:2])
    left = (frame.shape[1] - side) // 2
    square = torch.from_numpy(frame[:side, left : left + side].copy()).permute(2, 0, 1).float() / 127.5 - 1
    return torch.nn.functional.interpolate(square[None], (256, 256), mode="area")


def test_a_real_face_comes_back_and_its_latents_have_about_unit_size(
    published: Taef2Latents, media_folder: Path
) -> None:
    picture = face(media_folder)
    latents = published.encode(picture)
    assert latents.shape == (1, published.channels, 32, 32)
    assert 0.7 < latents.std() < 1.4
    assert latents.abs().max() < published.limit * 1.2
    error = ((published.decode(latents) - picture) / 2).square().mean()
    assert -10 * torch.log10(error) > 30


def test_its_name_tells_its_weights(published: Taef2Latents) -> None:
    assert published.name == "taef2 10a4e102"


def test_any_leading_shape_is_each_picture_on_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    latents = Taef2Latents()
    clips = torch.rand(2, 3, 3, 16, 16) * 2 - 1
    encoded = latents.encode(clips)
    assert encoded.shape == (2, 3, 32, 2, 2)
    monkeypatch.setattr("train.models.in_pieces.PIECE_PX", 16 * 16)
    assert torch.allclose(latents.encode(clips[1, 2]), encoded[1, 2], atol=1e-5)
    assert torch.allclose(latents.encode(clips), encoded, atol=1e-5)
    assert torch.allclose(latents.decode(encoded)[0, 1], latents.decode(encoded[0, 1]), atol=1e-5)


def test_a_network_sees_no_more_px_at_once_than_a_piece_has() -> None:
    seen: list[int] = []

    def network(piece: torch.Tensor) -> torch.Tensor:
        seen.append(len(piece))
        return piece

    pictures = torch.rand(9, 4, 64, 64)
    assert torch.equal(in_pieces(network, pictures, px_a_side=8), pictures)
    assert seen == [4, 4, 1]


def test_missing_files_are_named_with_the_way_to_get_them(no_weights: Path) -> None:
    with pytest.raises(WeightsError, match="emoforge weights fetch taef2_encoder"):
        load_taef2()


def test_other_bytes_under_the_name_are_refused(no_weights: Path) -> None:
    torch.save({"0.weight": torch.zeros(1)}, no_weights / "taef2_encoder.pth")
    with pytest.raises(WeightsError, match="is not the published"):
        load_taef2()
