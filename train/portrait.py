"""The portrait to animate: read from any picture, its face found, and cropped exactly as the corpus is."""

import warnings
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError
from torch import Tensor

from curate.crop import CropBox, crop, crop_box, to_crop
from curate.errors import MediaError
from curate.faces.blazeface import blazeface
from curate.mesh import hull_box, mesh
from train.dataset import face_mask, picture

# Not those that start other programs, such as EPS
FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF", "PPM", "AVIF")
ANALYSIS_WIDTH_PX = 640  # the corpus' faces are found in pictures of this width
CROP_PX = 512
MIN_CONFIDENCE = 0.5  # of the mesh


@dataclass(frozen=True, kw_only=True)
class Portrait:
    """A portrait at the model's size."""

    image: Tensor  # (3, S, S) RGB in [-1, 1]
    face_mask: Tensor  # (1, S, S) in {0, 1}


def load_portrait(path: Path, *, size: int) -> Portrait:
    """Read a picture and crop its best face to `size` px; MediaError when it is no picture or shows no face."""
    return crop_portrait(read_picture(path), size=size, name=str(path))


def read_picture(path: Path) -> NDArray[np.uint8]:
    """Return (H, W, 3) RGB, turned upright; MediaError for what is missing, no picture, cut off or too large."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        try:
            with Image.open(path, formats=FORMATS) as image:
                return np.asarray(ImageOps.exif_transpose(image).convert("RGB"))
        except FileNotFoundError as error:
            raise MediaError("not_found", f"there is no portrait {path}") from error
        except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
            limit = (Image.MAX_IMAGE_PIXELS or 0) / 1e6
            raise MediaError(
                "too_large", f"the portrait {path} is over {limit:.0f} million pixels; shrink it"
            ) from error
        except UnidentifiedImageError as error:
            known = ", ".join(FORMATS)
            raise MediaError("not_picture", f"the portrait {path} is not a picture ({known})") from error
        except (OSError, SyntaxError, ValueError) as error:
            raise MediaError("broken_picture", f"the portrait {path} can't be read: {error}") from error


def crop_portrait(image: NDArray[np.uint8], *, size: int, name: str) -> Portrait:
    """Crop the best face of (H, W, 3) RGB; MediaError("no_face") names the picture `name`."""
    height, width = image.shape[:2]
    box = _face_box(image, name)
    square = crop_box(box[None], width=width, height=height)
    cropped = crop(image, square, size=CROP_PX)
    return Portrait(image=picture(cropped, size=size), face_mask=face_mask(_in_crop(box, square, size), size=size))


def _face_box(image: NDArray[np.uint8], name: str) -> NDArray[np.float32]:
    scale = max(1.0, image.shape[1] / ANALYSIS_WIDTH_PX)
    small = image if scale == 1 else _shrunk(image, scale)
    for box, keypoints in zip(*_found(small), strict=True):
        face = mesh(small, box=box, keypoints=keypoints)
        if face.confidence >= MIN_CONFIDENCE:
            return hull_box(face.points) * np.float32(scale)
    raise MediaError(
        "no_face", f"no face was found in the portrait {name}; choose a picture of one face that looks at the camera"
    )


def _found(image: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    faces = blazeface(image)
    return faces.boxes, faces.keypoints


def _shrunk(image: NDArray[np.uint8], scale: float) -> NDArray[np.uint8]:
    size = (round(image.shape[1] / scale), max(1, round(image.shape[0] / scale)))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)


def _in_crop(box: NDArray[np.float32], square: CropBox, size: int) -> NDArray[np.float32]:
    return to_crop(box.reshape(2, 2), square, size=size).reshape(1, 4)
