"""The one photograph behind the corpus: the public-domain portrait that scikit-image ships, and masks of its parts."""

import importlib
from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from curate.errors import EmoforgeError
from curate.faces.blazeface import blazeface
from curate.mesh import mesh
from pipelines.sample_corpus.warp import Floats, Image, Points

SIZE_PX = 512
CROP = (0, 288, 94, 382)  # top, bottom, left, right of the head and shoulders in skimage.data.astronaut()
FACE_OVAL = [10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377, 152, 148, 176,
             149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109]  # fmt: skip
CHIN = 152
# Read off the crop, px: above this line is hair; the collar's ellipse (centre, half axes, degrees).
HAIR_SIDE = [(0, 0), (511, 0), (511, 232), (312, 232), (318, 200), (314, 172), (304, 159), (271, 145), (162, 142),
             (157, 207), (120, 214), (0, 214)]  # fmt: skip
COLLAR = ((212, 392), (174, 97), 34)

Mask = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True, eq=False)
class Photograph:
    """(512, 512, 3) RGB, its face mesh (468, 3) in px, and soft masks (512, 512) in 0..1 of its parts."""

    image: Image
    points: Points
    person: Mask
    skin: Mask
    hair: Mask
    suit: Mask


@cache
def photograph() -> Photograph:
    """Load the photograph; raises EmoforgeError if the extra `demo` is not installed."""
    try:
        data = importlib.import_module("skimage.data")
    except ImportError as error:
        raise EmoforgeError(
            "The sample corpus is drawn from a portrait that scikit-image ships. "
            "Install it with: pip install 'emoforge[demo]'"
        ) from error
    top, bottom, left, right = CROP
    image = cv2.resize(data.astronaut()[top:bottom, left:right], (SIZE_PX, SIZE_PX), interpolation=cv2.INTER_LANCZOS4)
    sharp = cv2.addWeighted(image, 1.6, cv2.GaussianBlur(image, (0, 0), 2.0), -0.6, 0.0).astype(np.uint8)
    return _find_parts(sharp, face_mesh(sharp))


def face_mesh(image: Image) -> Points:
    """(468, 3) mesh in px of the one face of a picture."""
    faces = blazeface(image)
    return mesh(image, box=faces.boxes[0], keypoints=faces.keypoints[0]).points


def outlined(corners: Floats) -> Mask:
    """1 inside the polygon of (N, 2 or 3) corners in px, 0 outside."""
    mask = np.zeros((SIZE_PX, SIZE_PX), np.float32)
    cv2.fillPoly(mask, [corners[:, :2].round().astype(np.int32)], (1.0,))
    return mask


def soft(mask: Floats, sigma_px: float) -> Mask:
    """Blur a mask."""
    return np.asarray(cv2.GaussianBlur(mask.astype(np.float32), (0, 0), sigma_px), np.float32)


def _find_parts(image: Image, points: Points) -> Photograph:
    lab = cv2.cvtColor(cv2.GaussianBlur(image, (0, 0), 1.5), cv2.COLOR_RGB2LAB).astype(np.float32)
    hue, saturation, value = cv2.split(cv2.cvtColor(image, cv2.COLOR_RGB2HSV))
    rows, columns = np.arange(SIZE_PX)[:, None], np.arange(SIZE_PX)
    face = outlined(points[FACE_OVAL])
    orange = ((hue < 16) | (hue > 170)) & (value > 70) & (rows > points[CHIN, 1] - 20)
    suit = orange * np.clip((saturation - 70.0) / 60.0, 0.0, 1.0)
    person = soft(_grab_cut(image, face, suit > 0.9), 1.5)
    hair = soft(outlined(np.asarray(HAIR_SIDE, np.float32)), 3.0)
    reddish = np.clip((lab[..., 1] - 130.0) / 2.0, 0.0, 1.0) * np.clip((lab[..., 2] - 134.0) / 4.0, 0.0, 1.0)
    neck = (np.abs(columns - points[CHIN, 0]) < 90) & (rows < points[CHIN, 1] + 55) & (lab[..., 0] > 50)
    skin = person * soft(np.maximum(reddish * neck, cv2.erode(face, np.ones((5, 5)))), 2.0) * (1.0 - hair)
    suit = person * soft(suit, 1.0) * (1.0 - face) * (1.0 - skin)
    return Photograph(image=image, points=points, person=person, skin=skin, hair=person * hair, suit=suit)


def _grab_cut(image: Image, face: Mask, suit: NDArray[np.bool_]) -> Mask:
    """1 on the person, 0 on the background: cv2's GrabCut from a guess of head, collar and suit."""
    labels = np.full(image.shape[:2], cv2.GC_PR_BGD, np.uint8)
    labels[cv2.dilate(face, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (101, 101))) > 0] = cv2.GC_PR_FGD
    cv2.ellipse(labels, *COLLAR, 0, 360, (cv2.GC_FGD,), -1)
    labels[suit | (face > 0)] = cv2.GC_FGD
    labels[:330, :52] = cv2.GC_BGD
    labels[:380, -100:] = cv2.GC_BGD
    labels[380:, -36:] = cv2.GC_BGD
    cv2.setRNGSeed(1)
    models = (np.zeros((1, 65)), np.zeros((1, 65)))
    cv2.grabCut(image, labels, (0, 0, 1, 1), *models, 4, cv2.GC_INIT_WITH_MASK)
    return np.isin(labels, (cv2.GC_FGD, cv2.GC_PR_FGD)).astype(np.float32)
