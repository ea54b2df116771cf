"""Face crops: the reference's geometry, its grey beyond the picture, and the frames they are cut from."""

from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.signal import medfilt

from curate.errors import MediaError
from curate.face_crops import MIN_FRAMES, crop_windows, face_crops
from curate.frame import Box
from curate.media import read_frames
from curate.media_writing import write_video
from curate.tracks import Track


def track_of(boxes: NDArray[np.float32], *, first: int = 0) -> Track:
    rest = {field.name: np.zeros(len(boxes), np.float32) for field in fields(Track)} | {"boxes": boxes}
    return Track(first=first, fps=25, **{name: rest[name] for name in rest if name not in ("first", "fps")})


def wandering_boxes(n: int) -> NDArray[np.float32]:
    """Boxes that jitter, and leave a 128x96 picture at every side in turn."""
    rng = np.random.default_rng(0)
    time = np.arange(n) / n * 2 * np.pi
    x, y = 64 + 50 * np.cos(time) + rng.normal(0, 3, n), 48 + 40 * np.sin(time) + rng.normal(0, 3, n)
    width, height = 30 + rng.normal(0, 4, n), 36 + rng.normal(0, 4, n)
    return np.stack([x - width / 2, y - height / 2, x + width / 2, y + height / 2], axis=1).astype(np.float32)


def reference_crop(image: NDArray[np.uint8], boxes: NDArray[np.float64], index: int) -> NDArray[np.uint8]:
    """crop_video's formula for one frame, written out: pad the whole picture, smooth, slice, resize."""
    half = medfilt([max(b[3] - b[1], b[2] - b[0]) / 2 for b in boxes], 13)[index]
    middle_y = medfilt([(b[1] + b[3]) / 2 for b in boxes], 13)[index]
    middle_x = medfilt([(b[0] + b[2]) / 2 for b in boxes], 13)[index]
    margin = int(half * 1.8)
    padded = np.pad(image, ((margin, margin), (margin, margin), (0, 0)), constant_values=110)
    y, x = middle_y + margin, middle_x + margin
    face = padded[int(y - half) : int(y + half * 1.8), int(x - half * 1.4) : int(x + half * 1.4)]
    return np.asarray(cv2.resize(face, (224, 224)), np.uint8)


def test_equal_to_the_reference_formula(tmp_path: Path, moving_picture: Callable[..., list[NDArray[np.uint8]]]) -> None:
    video, first, boxes = tmp_path / "a.mp4", 5, wandering_boxes(40)
    write_video(video, moving_picture(60))
    crops = face_crops(video, track_of(boxes, first=first))
    whole = Box(left=0, top=0, right=128, bottom=96)
    pictures = [frame.region(whole)[0] for frame in read_frames(video)]
    assert crops.shape == (40, 224, 224, 3)
    assert (crops == 110).all(axis=3).any()
    for index, crop in enumerate(crops):
        np.testing.assert_array_equal(crop, reference_crop(pictures[first + index], boxes.astype(np.float64), index))


def test_a_still_face_gives_one_window_with_more_below_than_above() -> None:
    windows = crop_windows(np.tile(np.array([100, 100, 180, 200], np.float32), (25, 1)))
    assert (windows == [70, 100, 210, 240]).all()


def test_one_wild_frame_moves_nothing() -> None:
    boxes = np.tile(np.array([100, 100, 180, 200], np.float32), (25, 1))
    wild = boxes.copy()
    wild[12] += 300
    np.testing.assert_array_equal(crop_windows(wild), crop_windows(boxes))


def test_the_shortest_track_has_a_window_at_every_frame() -> None:
    boxes = np.tile(np.array([100, 100, 180, 200], np.float32), (MIN_FRAMES, 1))
    left, top, right, bottom = crop_windows(boxes).T
    assert (right > left).all()
    assert (bottom > top).all()


def test_a_face_beyond_the_picture_is_grey(
    tmp_path: Path, moving_picture: Callable[..., list[NDArray[np.uint8]]]
) -> None:
    write_video(tmp_path / "a.mp4", moving_picture(10))
    for left, top in ((-400, 20), (400, 20), (20, -400), (20, 400)):
        boxes = np.tile(np.array([left, top, left + 30, top + 40], np.float32), (10, 1))
        assert (face_crops(tmp_path / "a.mp4", track_of(boxes))[3:7] == 110).all()


def test_a_video_that_ends_early_is_named(
    tmp_path: Path, moving_picture: Callable[..., list[NDArray[np.uint8]]]
) -> None:
    write_video(tmp_path / "a.mp4", moving_picture(20))
    with pytest.raises(MediaError, match="20 of the track's 40 frames"):
        face_crops(tmp_path / "a.mp4", track_of(wandering_boxes(40)))
