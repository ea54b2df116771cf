"""The portrait: found or named at any size, cropped as the corpus is, its face region, and bad ones refused."""

from pathlib import Path
from typing import Literal

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from curate.errors import MediaError
from train.face_region import Box
from train.portrait import load_portrait, read_picture

pytestmark = pytest.mark.usefixtures("face_weights")


def saved(path: Path, image: NDArray[np.uint8], **options: object) -> Path:
    Image.fromarray(image).save(path, **options)
    return path


def test_the_face_fills_the_crop_as_in_the_corpus(tmp_path: Path, portrait: NDArray[np.uint8]) -> None:
    found = load_portrait(saved(tmp_path / "p.png", portrait), size=64)
    assert found.image.shape == (3, 64, 64)
    assert found.face_mask.shape == (1, 64, 64)
    rows, columns = found.face_mask[0].any(1).sum(), found.face_mask[0].any(0).sum()
    assert 0.45 < max(rows, columns) / 64 < 0.65, "the crop's side is 1.8 times the face, the mask 1.08 times"


@pytest.mark.parametrize("scale", [0.5, 3.0])
def test_the_crop_does_not_depend_on_the_pictures_size(
    tmp_path: Path, portrait: NDArray[np.uint8], scale: float
) -> None:
    side = round(512 * scale)
    scaled = np.asarray(Image.fromarray(portrait).resize((side, side), Image.Resampling.LANCZOS))
    one = load_portrait(saved(tmp_path / "a.png", portrait), size=64)
    other = load_portrait(saved(tmp_path / "b.png", scaled), size=64)
    # The square's edges lie on even px, which at half size is over a px of these 64; shifted by two it would be 0.18
    assert (one.image - other.image).abs().mean() < 0.15
    assert (one.face_mask != other.face_mask).float().mean() < 0.06


@pytest.mark.parametrize("mode", ["L", "RGBA", "P", "CMYK"])
def test_any_kind_of_colour_is_read_as_rgb(tmp_path: Path, portrait: NDArray[np.uint8], mode: str) -> None:
    file = tmp_path / ("p.jpg" if mode == "CMYK" else "p.png")
    Image.fromarray(portrait).convert(mode).save(file)
    assert load_portrait(file, size=64).image.shape == (3, 64, 64)


def test_sixteen_bits_of_grey_are_the_same_picture(tmp_path: Path, portrait: NDArray[np.uint8]) -> None:
    grey = portrait[..., 0]
    deep = saved(tmp_path / "deep.png", grey.astype(np.uint16) * 257)
    assert np.array_equal(read_picture(deep), np.repeat(grey[..., None], 3, axis=2))


def test_a_turned_photo_is_put_upright(tmp_path: Path, portrait: NDArray[np.uint8]) -> None:
    turned = Image.fromarray(portrait).rotate(90, expand=True)
    exif = turned.getexif()
    exif[0x0112] = 6  # orientation: turn right by 90 degrees to see it upright
    turned.save(tmp_path / "p.png", exif=exif)
    assert np.array_equal(read_picture(tmp_path / "p.png"), portrait)


def test_a_portrait_without_a_face_is_refused(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (256, 256, 3)).astype(np.uint8)
    with pytest.raises(MediaError, match="no face was found") as raised:
        load_portrait(saved(tmp_path / "noise.png", noise), size=64)
    assert raised.value.reason == "no_face"


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("missing.png", None, "not_found"),
        ("text.png", b"not a picture", "not_picture"),
        ("empty.png", b"", "not_picture"),
        ("program.eps", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "not_picture"),
    ],
)
def test_what_is_no_picture_is_refused(tmp_path: Path, name: str, content: bytes | None, reason: str) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(MediaError) as raised:
        load_portrait(tmp_path / name, size=64)
    assert raised.value.reason == reason
    assert name in str(raised.value)


def test_a_cut_off_picture_and_a_folder_are_refused(tmp_path: Path, portrait: NDArray[np.uint8]) -> None:
    whole = saved(tmp_path / "p.jpg", portrait).read_bytes()
    (tmp_path / "half.jpg").write_bytes(whole[: len(whole) // 2])
    for path in (tmp_path / "half.jpg", tmp_path):
        with pytest.raises(MediaError, match="can't be read"):
            read_picture(path)


def test_a_picture_bomb_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    bomb = tmp_path / "bomb.png"
    Image.new("1", (30_000, 30_000)).save(bomb)
    with pytest.raises(MediaError, match="million pixels") as raised:
        read_picture(bomb)
    assert raised.value.reason == "too_large"


def test_same_picture_same_crop(tmp_path: Path, portrait: NDArray[np.uint8]) -> None:
    file = saved(tmp_path / "p.png", portrait)
    assert torch.equal(load_portrait(file, size=64).image, load_portrait(file, size=64).image)


def test_a_face_that_no_detector_finds_is_named_by_its_box(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (300, 401, 3)).astype(np.uint8)
    found = load_portrait(saved(tmp_path / "p.png", noise), size=90, box=(150, 80, 250, 180))
    assert (found.square.left, found.square.top, found.square.side) == (110, 40, 180), "1.8 times the box, around it"
    inside = found.face_mask[0].nonzero()
    assert inside.min() == 18, "the box begins 40 of 180 px into the crop, 20 of 90; widened by 4 % to each side"
    assert inside.max() == 71


@pytest.mark.parametrize(
    ("box", "complaint"),
    [
        ((250, 80, 150, 180), "left < right"),
        ((150, 80, 150, 180), "is empty"),
        ((-5, 80, 150, 180), "leaves the picture, which is 400 x 300 px"),
        ((150, 80, 250, 301), "leaves the picture"),
        ((150, 80, 160, 90), "smaller than 16 px"),
        ((float("nan"), 80, 250, 180), "not finite"),
    ],
)
def test_a_bad_box_says_why(tmp_path: Path, box: Box, complaint: str) -> None:
    file = saved(tmp_path / "p.png", np.zeros((300, 400, 3), np.uint8))
    with pytest.raises(MediaError, match=complaint) as raised:
        load_portrait(file, size=64, box=box)
    assert raised.value.reason == "bad_box"


def region(tmp_path: Path, region: Box | Path | Literal["all"], *, longest_px: int | None = None) -> torch.Tensor:
    """The mask (50, 50) of a picture of 400 x 300 px whose crop is its columns 100 to 300 and rows 50 to 250."""
    file = saved(tmp_path / "p.png", np.zeros((300, 400, 3), np.uint8))
    box = (144.4, 94.4, 255.6, 205.6)  # 1.8 times as large is 200 px
    found = load_portrait(file, size=50, box=box, region=region, longest_px=longest_px)
    return found.face_mask[0]


def test_the_face_region_is_a_box_a_mask_or_all(tmp_path: Path) -> None:
    drawn = np.zeros((300, 400), np.uint8)
    drawn[100:150, 120:220] = 255
    of_box = region(tmp_path, (120, 100, 220, 150))
    assert of_box.sum() == of_box[12:25, 5:30].sum() == 13 * 25
    of_mask = region(tmp_path, saved(tmp_path / "mask.png", drawn))
    assert (of_box != of_mask).float().mean() < 0.02
    assert region(tmp_path, "all").all()


def test_a_region_is_in_px_of_the_picture_as_it_was(tmp_path: Path) -> None:
    """The picture is halved first; its mask is where it would be without."""
    whole, halved = (region(tmp_path, (120, 100, 220, 150), longest_px=px) for px in (None, 200))
    assert (whole != halved).float().mean() < 0.03


def test_a_region_outside_the_crop_and_a_mask_of_another_size_are_refused(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="nothing in common with the crop"):
        region(tmp_path, (0, 0, 50, 40))
    with pytest.raises(MediaError, match="must be as large as the portrait, 400 x 300 px"):
        region(tmp_path, saved(tmp_path / "mask.png", np.zeros((30, 40), np.uint8)))
    with pytest.raises(MediaError, match="there is no mask of the face region"):
        region(tmp_path, tmp_path / "none.png")


def test_a_picture_without_room_for_a_face_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="too small"):
        load_portrait(saved(tmp_path / "p.png", np.zeros((1, 500, 3), np.uint8)), size=64)
