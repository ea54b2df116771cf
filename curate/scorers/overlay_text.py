"""How much of the picture is text: captions, name straps, watermarks."""

from typing import TypedDict

from curate import text_detection
from curate.clip_media import ClipMedia
from curate.crop import crop, crop_box
from curate.errors import MediaError
from curate.media import read_frames

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
    found = [_at(media, int(moment * len(media.track))) for moment in MOMENTS]
    return {
        "area": max(text_detection.covered(boxes, height=CROP_PX, width=CROP_PX) for boxes in found),
        "boxes": float(max(len(boxes) for boxes in found)),
    }


def _at(media: ClipMedia, frame: int) -> text_detection.Boxes:
    index = media.track.first + frame
    frames = read_frames(media.source, start_s=index / media.fps, end_s=(index + 1) / media.fps)
    picture = next((frame.image for frame in frames), None)
    if picture is None:
        raise MediaError("truncated", f"the video has no frame at {index / media.fps:.2f} s")
    box = crop_box(media.track.boxes, width=picture.shape[1], height=picture.shape[0])
    return text_detection.text_boxes(crop(picture, box, size=CROP_PX))
