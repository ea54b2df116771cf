"""The cheap ways to a part of a picture give what cutting it out of a plain RGB conversion gives."""

import av
import cv2
import numpy as np
import pytest
from av.video.reformatter import ColorRange, Colorspace
from numpy.typing import NDArray

from curate.frame import Box, Frame

Picture = NDArray[np.uint8]

FORMATS = ["yuv420p", "yuvj420p", "yuv422p", "yuv444p", "yuv420p10le", "nv12", "gray", "rgb24"]
SIZES = [(128, 96), (127, 95), (96, 127)]
BOXES = {
    "inside": Box(left=20, top=30, right=60, bottom=70),
    "odd": Box(left=21, top=31, right=60, bottom=71),
    "one px": Box(left=33, top=33, right=34, bottom=34),
    "the whole": Box(left=0, top=0, right=10_000, bottom=10_000),
    "over the left and upper edge": Box(left=-30, top=-7, right=41, bottom=33),
    "over the right and lower edge": Box(left=71, top=63, right=500, bottom=300),
    "left of it": Box(left=-90, top=10, right=-20, bottom=50),
    "below it": Box(left=10, top=500, right=50, bottom=600),
    "inside out": Box(left=60, top=70, right=20, bottom=30),
}


def soft(width: int, height: int) -> Picture:
    """A picture whose colours change so slowly that halving their resolution costs next to nothing."""
    y, x = np.mgrid[:height, :width].astype(float)
    red, green = 60 + 120 * x / width, 70 + 100 * y / height
    return np.stack([red, green, 110 + 40 * np.sin(x / 40) * np.cos(y / 40)], axis=2).round().astype(np.uint8)


def made(picture: Picture, pix_fmt: str, *, turn: int = 0, full_range: bool = False) -> tuple[Frame, Picture]:
    """A frame that shows the picture after `turn`, and the same in plain RGB."""
    decoded = av.VideoFrame.from_ndarray(picture, format="rgb24")
    if pix_fmt != "rgb24":
        full = full_range or pix_fmt.startswith("yuvj") or pix_fmt == "gray"
        values = ColorRange.JPEG if full else ColorRange.MPEG
        decoded = decoded.reformat(format=pix_fmt, dst_colorspace=Colorspace.ITU601, dst_color_range=values)
        decoded.colorspace, decoded.color_range = Colorspace.ITU601, values
    if pix_fmt == "gray":
        picture = cv2.cvtColor(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    return Frame(index=0, decoded=decoded, turn=turn), np.ascontiguousarray(np.rot90(picture, turn))


def brightness(image: Picture) -> Picture:
    return (image @ np.array([0.299, 0.587, 0.114])).round().astype(np.uint8)


def clipped(box: Box, image: Picture) -> Box:
    """The part of a box that lies in the picture, or the pixel at its edge that is nearest."""
    height, width = image.shape[:2]
    left, top = min(max(box.left, 0), width - 1), min(max(box.top, 0), height - 1)
    right, bottom = max(left + 1, min(box.right, width)), max(top + 1, min(box.bottom, height))
    return Box(left=left, top=top, right=right, bottom=bottom)


def cut(image: Picture, box: Box) -> Picture:
    return image[box.top : box.bottom, box.left : box.right]


def assert_alike(image: Picture, expected: Picture, *, mean: float, most: int) -> None:
    assert image.shape == expected.shape
    away = np.abs(image.astype(int) - expected.astype(int))
    assert away.mean() <= mean
    assert away.max() <= most


@pytest.mark.parametrize("turn", range(4))
@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("pix_fmt", FORMATS)
def test_every_view_is_a_cut_of_the_picture(pix_fmt: str, size: tuple[int, int], turn: int) -> None:
    """Within 2 levels on average and 8 at most, which is what yuv420p's rounding and halving cost."""
    frame, whole = made(soft(*size), pix_fmt, turn=turn)
    assert (frame.height, frame.width) == whole.shape[:2]
    assert_alike(frame.image, whole, mean=2, most=8)
    for name, box in BOXES.items():
        region, inside = frame.region(box)
        assert all(edge % 2 == 0 for edge in (inside.left, inside.top, inside.right, inside.bottom)), name
        assert 0 <= inside.left < inside.right <= frame.width, name
        assert 0 <= inside.top < inside.bottom <= frame.height, name
        assert_alike(region, cut(whole, inside), mean=2, most=8)
        assert_alike(frame.luma(box), brightness(cut(whole, clipped(box, whole))), mean=2, most=5)
        planes = np.asarray(frame.planes(inside).to_ndarray(format="rgb24"), np.uint8)
        assert_alike(planes, cut(whole, inside), mean=2, most=8)


@pytest.mark.parametrize("name", ["inside", "odd", "the whole", "over the left and upper edge"])
def test_a_region_holds_all_of_its_box_that_lies_in_the_picture(name: str) -> None:
    frame, whole = made(soft(128, 96), "yuv420p")
    box, (_, found) = BOXES[name], frame.region(BOXES[name])
    assert found.left <= max(box.left, 0)
    assert found.top <= max(box.top, 0)
    assert found.right >= min(box.right, whole.shape[1])
    assert found.bottom >= min(box.bottom, whole.shape[0])
    assert found.right - found.left <= min(box.right, 128) - max(box.left, 0) + 2


@pytest.mark.parametrize("pix_fmt", ["yuv420p", "yuv444p", "yuv420p10le"])
@pytest.mark.parametrize("full_range", [False, True], ids=["limited", "full"])
def test_black_is_0_and_white_255_in_either_range(pix_fmt: str, full_range: bool) -> None:
    picture = np.zeros((32, 64, 3), np.uint8)
    picture[:, 32:] = 255
    frame, _ = made(picture, pix_fmt, full_range=full_range)
    everything = Box(left=0, top=0, right=64, bottom=32)
    for view in (frame.image.mean(axis=2), frame.luma(everything), frame.region(everything)[0].mean(axis=2)):
        assert view[:, :30].max() <= 2
        assert view[:, 34:].min() >= 253


@pytest.mark.parametrize("turn", range(4))
@pytest.mark.parametrize("longest_px", [64, 40, 1000])
def test_small_is_an_area_average_and_never_bigger(turn: int, longest_px: int) -> None:
    frame, whole = made(soft(160, 90), "yuv420p", turn=turn)
    small = frame.small(longest_px)
    assert max(small.shape) == min(longest_px, 160)
    expected = cv2.resize(whole, (small.shape[1], small.shape[0]), interpolation=cv2.INTER_AREA)
    assert_alike(small, np.asarray(expected, np.uint8), mean=2, most=8)


def test_small_averages_rather_than_skips() -> None:
    """A fine grid of black and white comes out grey."""
    picture = np.zeros((128, 128, 3), np.uint8)
    picture[::2] = 255
    frame, _ = made(picture, "yuv444p")
    assert np.abs(frame.small(32).astype(int) - 127).max() <= 3


def test_planes_keep_the_decoders_own_values() -> None:
    """What is cut out for the encoder is not converted on its way: its brightness is bit for bit the decoder's."""
    frame, _ = made(soft(128, 96), "yuv420p")
    decoded = np.frombuffer(memoryview(frame.decoded.planes[0]), np.uint8).reshape(96, -1)[:, :128]
    part = frame.planes(Box(left=20, top=10, right=84, bottom=60))
    plane = np.frombuffer(memoryview(part.planes[0]), np.uint8).reshape(50, -1)[:, :64]
    np.testing.assert_array_equal(plane, decoded[10:60, 20:84])
    assert (part.colorspace, part.color_range) == (frame.decoded.colorspace, frame.decoded.color_range)
