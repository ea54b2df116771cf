"""The crop put back: an unchanged crop gives the picture back, and outside the crop no byte changes."""

import numpy as np
import pytest
from numpy.typing import NDArray

from curate.crop import CropBox, crop
from train.paste_back import fitted, pasting

SQUARE = CropBox(left=100, top=60, side=300)


def smooth(portrait: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The portrait at twice its size: what a resize of a crop can carry."""
    return fitted(np.ascontiguousarray(portrait.repeat(2, axis=0).repeat(2, axis=1)), longest_px=900)[0]


@pytest.mark.parametrize("size", [512, 256])
def test_an_unchanged_crop_gives_the_picture_back(portrait: NDArray[np.uint8], size: int) -> None:
    picture = smooth(portrait)
    back = pasting(picture, SQUARE).paste(crop(picture, SQUARE, size=size))
    error = np.abs(back.astype(int) - picture)
    assert error.mean() < 0.5
    shifted = np.abs(np.roll(back, 1, axis=1).astype(int) - picture)
    assert error.mean() < shifted.mean() / 4, "a shift by one px would be seen"


def test_outside_the_crop_no_byte_changes_and_inside_all_is_new(portrait: NDArray[np.uint8]) -> None:
    green = np.full((64, 64, 3), (0, 255, 0), np.uint8)
    back = pasting(portrait, SQUARE).paste(green)
    inside = np.zeros(portrait.shape[:2], bool)
    inside[60:360, 100:400] = True
    assert np.array_equal(back[~inside], portrait[~inside])
    assert np.array_equal(back[60 + 24 : 360 - 24, 100 + 24 : 400 - 24], np.broadcast_to((0, 255, 0), (252, 252, 3)))


def test_the_edge_fades_except_at_the_pictures_own() -> None:
    black = np.zeros((200, 200, 3), np.uint8)
    white = np.full((64, 64, 3), 255, np.uint8)
    back = pasting(black, CropBox(left=0, top=50, side=100)).paste(white)[..., 0]
    assert (back[100, :80] == 255).all(), "the crop begins where the picture does"
    across = back[100, 80:110].astype(int)
    assert (np.diff(across) <= 0).all()
    assert np.abs(np.diff(across)).max() < 60, "no visible step"
    assert back[50, 50] < 10 < 250 < back[59, 50]


def test_a_picture_is_fitted_for_video(portrait: NDArray[np.uint8]) -> None:
    odd, scale = fitted(portrait[:401, :333])
    assert np.array_equal(odd, portrait[:400, :332])
    assert scale.tolist() == [1, 1]
    small, scale = fitted(portrait[:301, :], longest_px=255)
    assert small.shape == (150, 254, 3)
    assert np.allclose(scale, (254 / 512, 150 / 301))
