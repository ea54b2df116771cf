"""How much of the picture is text: captions, name straps, watermarks."""

from typing import TypedDict

import cv2
import numpy as np

from curate import text_detection
from curate.clip_media import ClipMedia
from curate.media_writing import as_rgb

WEIGHTS = (text_detection.WEIGHTS,)
MOMENTS = (1 / 6, 1 / 2, 5 / 6)  # of the clip: a caption that stays for a third of it is seen
CROP_PX = 320  # three times as fast as 512 px, with fewer false boxes, and captions are still found


class OverlayText(TypedDict):
    """`area`: the largest share, over three frames, of the clip's square crop that is text, in [0, 1], higher is more;
    `boxes`: the most lines of text seen in one of them."""

    area: float
    boxes: float


def overlay_text(media: ClipMedia) -> OverlayText:
    """Look for text in the square crop of three frames; 0 is none, and a caption takes 0.01 to 0.1.

    Source: PP-OCRv6's detector (Apache-2.0), see text_detection; letters on a shirt count too.
    """
    found = [_at(media, moment) for moment in MOMENTS]
    return {
        "area": max(text_detection.covered(boxes, height=CROP_PX, width=CROP_PX) for boxes in found),
        "boxes": float(max(len(boxes) for boxes in found)),
    }


def _at(media: ClipMedia, moment: float) -> text_detection.Boxes:
    frames = media.pictures.frames
    picture = as_rgb(frames[int(moment * len(frames))])
    return text_detection.text_boxes(np.asarray(cv2.resize(picture, (CROP_PX, CROP_PX), interpolation=cv2.INTER_AREA)))
