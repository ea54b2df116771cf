"""The crop is one square inside the picture that holds the face all along."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from curate.crop import CropBox, crop, crop_box, to_crop

corner = st.floats(0, 500)
side = st.floats(20, 300)


@given(
    st.lists(st.tuples(corner, corner, side, side), min_size=1, max_size=20),
    st.integers(320, 2000),
    st.integers(240, 1200),
)
def test_the_square_lies_inside_the_picture(
    faces: list[tuple[float, float, float, float]], width: int, height: int
) -> None:
    boxes = np.array([(x, y, min(x + w, width), min(y + h, height)) for x, y, w, h in faces], np.float32)
    box = crop_box(boxes, width=width, height=height)
    assert 2 <= box.side <= min(width, height)
    assert 0 <= box.left <= width - box.side
    assert 0 <= box.top <= height - box.side


def test_a_face_in_the_open_fills_more_than_half() -> None:
    boxes = np.array([[400, 300, 500, 420], [410, 300, 510, 420]], np.float32)
    box = crop_box(boxes, width=1280, height=720)
    assert box.side == round(1.8 * 120)
    assert box.left <= 400
    assert box.left + box.side >= 510


def test_points_follow_the_pixels() -> None:
    picture = np.zeros((200, 300, 3), np.uint8)
    picture[80:84, 150:154] = 255
    box = CropBox(left=100, top=40, side=128)
    cut = crop(picture, box, size=512)
    point = to_crop(np.array([152.0, 82.0], np.float32), box, size=512)
    assert cut[round(float(point[1])), round(float(point[0]))].min() > 200
