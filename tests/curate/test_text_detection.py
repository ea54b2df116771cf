"""Text is found, measured and told from faces; the boxes are those of RapidOCR."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from curate import weights
from curate.analysis import analyse
from curate.clip_media import clip_media
from curate.errors import WeightsError
from curate.scorers.overlay_text import OverlayText, overlay_text
from curate.text_detection import WEIGHTS, boxes_of, covered, text_boxes


@pytest.fixture
def text_weights() -> None:
    pytest.importorskip("onnxruntime")
    try:
        weights.path(WEIGHTS)
    except WeightsError as error:
        pytest.skip(str(error))


def a_caption() -> NDArray[np.uint8]:
    """(320, 320, 3) with one line of white text near the lower edge."""
    picture = np.full((320, 320, 3), (40, 70, 60), np.uint8)
    cv2.putText(picture, "ABSOLUTELY NOT", (40, 290), cv2.FONT_HERSHEY_SIMPLEX, 0.9, (255, 255, 255), 2, cv2.LINE_AA)
    return picture


def test_a_core_grows_to_its_line() -> None:
    probability = np.zeros((320, 320), np.float32)
    probability[200:210, 100:200] = 0.9
    (box,) = boxes_of(probability)
    grown = 1.6 * 100 * 10 / (2 * (100 + 10))
    np.testing.assert_allclose(box.min(axis=0), [100 - grown, 200 - grown], atol=2)
    np.testing.assert_allclose(box.max(axis=0), [200 + grown, 210 + grown], atol=2)


@pytest.mark.parametrize(
    ("area", "value"),
    [((slice(60, 260), slice(60, 260)), 0.9), ((slice(200, 210), slice(100, 200)), 0.4), ((0, slice(0, 9)), 0.9)],
    ids=["as tall as a face", "unsure", "a hair"],
)
def test_what_is_no_line_of_text(area: tuple[slice, slice], value: float) -> None:
    probability = np.zeros((320, 320), np.float32)
    probability[area] = value
    assert len(boxes_of(probability)) == 0


def test_overlapping_boxes_count_once() -> None:
    box = np.array([[0, 0], [49, 0], [49, 49], [0, 49]], np.float32)
    assert covered(np.stack([box, box, box + 25]), height=100, width=100) == pytest.approx((2 * 50**2 - 25**2) / 1e4)
    assert covered(np.zeros((0, 4, 2), np.float32), height=100, width=100) == 0.0


def test_a_caption_is_found_where_it_is(text_weights: None) -> None:
    (box,) = text_boxes(a_caption())
    ink = np.argwhere(a_caption()[..., 0] > 200)[:, ::-1]
    np.testing.assert_allclose(box.min(axis=0), ink.min(axis=0), atol=10)
    np.testing.assert_allclose(box.max(axis=0), ink.max(axis=0), atol=10)
    assert len(text_boxes(np.full((320, 320, 3), 90, np.uint8))) == 0


def test_a_size_the_network_cant_take_is_refused() -> None:
    with pytest.raises(ValueError, match="320x300"):
        text_boxes(np.zeros((300, 320, 3), np.uint8))


def test_boxes_are_rapidocrs(text_weights: None) -> None:
    rapidocr = pytest.importorskip("rapidocr")
    threads = {f"EngineConfig.onnxruntime.{kind}_op_num_threads": 1 for kind in ("intra", "inter")}
    oracle = rapidocr.RapidOCR(
        params={"Det.limit_type": "max", "Det.limit_side_len": 320, "Global.log_level": "error", **threads}
    )
    expected = oracle(np.ascontiguousarray(a_caption()[..., ::-1]), use_cls=False, use_rec=False).boxes
    found = text_boxes(a_caption())
    assert len(found) == len(expected) == 1
    np.testing.assert_allclose(found[0].min(axis=0), expected[0].min(axis=0), atol=3)
    np.testing.assert_allclose(found[0].max(axis=0), expected[0].max(axis=0), atol=3)


def score_of(video: Path) -> OverlayText:
    found = analyse(video)
    return overlay_text(clip_media(video, found, max(found.tracks, key=len)))


@pytest.mark.parametrize(
    ("file", "captioned"), [("caption_overlay.mp4", True), ("aoc_hdtf.mp4", False), ("studio_man_blue.mp4", False)]
)
def test_captioned_clips_are_told_from_plain_ones(
    file: str, captioned: bool, media_folder: Path, face_weights: None, text_weights: None
) -> None:
    assert (score_of(media_folder / file)["area"] > 0.008) == captioned
