"""Square pictures of the tracked face, as picture detectors want them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from curate.crop import crop, crop_box
from curate.errors import MediaError
from evaluate.observation import Observation, Picture

# of the face from hairline to chin: what MesoNet's own cropping comes to, 2.86 times the distance of eyes and mouth
FACE_SCALE = 1.1


def face_pictures(observation: Observation, *, size_px: int, n: int, scale: float = FACE_SCALE) -> NDArray[np.uint8]:
    """At most `n` upright squares (k, size_px, size_px, 3) uint8 RGB around the tracked face, spread over the video.

    Their sides are `scale` times the face. They are cut from the observation's pictures, so k is smaller where those
    are fewer. A square is moved, not padded, at the picture's edge. Raises MediaError where no face is.
    """
    seen = [picture for picture in observation.pictures if _is_seen(observation, picture)]
    if not seen:
        raise MediaError("no_face", "the face is on none of the chosen frames")
    spread = np.unique(np.linspace(0, len(seen) - 1, min(n, len(seen))).round().astype(int))
    return np.stack([_square(observation, seen[place], size_px, scale) for place in spread])


def _is_seen(observation: Observation, picture: Picture) -> bool:
    place = picture.index - observation.track.first
    return 0 <= place < len(observation.track) and bool(observation.track.confidence[place])


def _square(observation: Observation, picture: Picture, size_px: int, scale: float) -> NDArray[np.uint8]:
    height, width = picture.image.shape[:2]
    place = picture.index - observation.track.first
    boxes = observation.track.boxes[place : place + 1] * np.float32(width / observation.analysis.info.width)
    return crop(picture.image, crop_box(boxes, width=width, height=height, scale=scale), size=size_px)
