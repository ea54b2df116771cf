"""Kinetics-400 logits of I3D over the faces of 16 early frames, as LatentSync's evaluation script takes them."""

from __future__ import annotations

from itertools import islice

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from curate.errors import MediaError
from curate.faces.blazeface import blazeface
from evaluate.features.i3d_kinetics400 import logits
from evaluate.networks import i3d_torchscript
from evaluate.networks.i3d import INPUT_PX
from evaluate.observation import Observation

FIRST, END = 20, 36
WEIGHTS = (i3d_torchscript.WEIGHTS, "blazeface_full_range_sparse")
PACKAGES = ("torch", "ai-edge-litert", "opencv-python")
PROTOCOL = {
    "network": "Inception-I3D, Kinetics-400, tf.hub variant, 400 logits averaged over time",
    "picture": "box of the surest face (BlazeFace full range), found anew in each frame, not squared, not smoothed",
    "resize": f"OpenCV INTER_AREA to {INPUT_PX}x{INPUT_PX}, uint8",
    "range": "value / 255, RGB: half of the range that the network was trained on, as in LatentSync",
    "windows": f"one a video: frames {FIRST} to {END - 1} of the 25 fps grid",
    "arithmetic": "float32, one window a call, one thread",
}


def i3d_latentsync(observation: Observation) -> NDArray[np.float32]:
    """Logits (1, 400) of frames 20 to 35, deliberately as far off as LatentSync's own.

    Their script gives the network values in [0, 1] with rescale=False, where it was trained on [-1, 1]; squeezes the
    face's box to a square; and lets the box jump from frame to frame, which looks like motion. Their detector is
    MediaPipe's, ours the full-range BlazeFace, so the boxes differ by some px. Use it only to follow their numbers:
    they compare with nobody else's FVD. Raises MediaError: "too_short" under 36 frames, "no_face" when one has none.
    """
    faces = [_face(picture.image, picture.index) for picture in islice(observation.frames(), FIRST, END)]
    if len(faces) < END - FIRST:
        raise MediaError("too_short", f"the video has fewer than {END} frames")
    return logits(faces)[None]


def _face(image: NDArray[np.uint8], index: int) -> Tensor:
    found = blazeface(image)
    if not len(found):
        raise MediaError("no_face", f"no face is found on frame {index}")
    height, width = image.shape[:2]
    left, top, right, bottom = found.boxes[0].round().astype(int).clip(0, (width, height, width, height)).tolist()
    if right <= left or bottom <= top:
        raise MediaError("no_face", f"the face of frame {index} lies outside of the picture")
    square = cv2.resize(image[top:bottom, left:right], (INPUT_PX, INPUT_PX), interpolation=cv2.INTER_AREA)
    return torch.from_numpy(square).permute(2, 0, 1).float() / 255
