"""The portrait to animate: read from any picture, its face found or named, and cropped exactly as the corpus is."""

import logging
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError
from torch import Tensor

from curate.crop import CropBox, crop, crop_box
from curate.errors import MediaError
from curate.faces.blazeface import blazeface
from curate.mesh import hull_box, mesh
from train.dataset import picture
from train.face_region import Box, Region, check_box, region_mask, widened
from train.paste_back import fitted

log = logging.getLogger(__name__)

# Not those that start other programs, such as EPS
FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF", "PPM", "AVIF")
ANALYSIS_WIDTH_PX = 640  # the corpus' faces are found in pictures of this width
CROP_PX = 512
MIN_CONFIDENCE = 0.5  # of the mesh
MIN_BOX_PX = 16  # of a face that is named: smaller ones hold nothing to animate


@dataclass(frozen=True, kw_only=True)
class Portrait:
    """A portrait at the model's size, and the picture that it was cut from."""

    image: Tensor  # (3, S, S) RGB in [-1, 1]
    face_mask: Tensor  # (1, S, S) in {0, 1}
    picture: NDArray[np.uint8]  # (H, W, 3) RGB, upright
    square: CropBox  # of `picture`


def load_portrait(
    path: Path,
    *,
    size: int,
    box: Box | None = None,
    region: Box | Path | Literal["all"] | None = None,
    longest_px: int | None = None,
) -> Portrait:
    """Read a picture and crop its best face, or that in `box`, to `size` px.

    `region` is where the face may be: a box, a mask picture of the portrait's size, or all of the crop (default: the
    face's box). Boxes are in px of the upright picture. With `longest_px`, the picture is made fit for video first:
    even sides, none longer. MediaError for what is no picture, shows no face, or for a box that can't be.
    """
    full = read_picture(path)
    if min(_size(full)) < MIN_BOX_PX:
        raise MediaError(
            "too_small", f"the portrait {path} is {full.shape[1]} x {full.shape[0]} px; too small for a face"
        )
    if box is not None:
        check_box(box, size=_size(full), name=f"the box of {path}", smallest_px=MIN_BOX_PX)
    image, scale = (full, np.ones(2, np.float32)) if longest_px is None else fitted(full, longest_px=longest_px)
    if image.size < full.size * 0.9:
        log.warning("the portrait %s is %d x %d px; the video is %d x %d", path, *_size(full), *_size(image))
    face = _face_box(image, str(path)) if box is None else _scaled(box, scale)
    square = crop_box(face[None], width=image.shape[1], height=image.shape[0])
    allowed = widened(face) if region is None else _region(region, full=full, image=image, scale=scale)
    return Portrait(
        image=picture(crop(image, square, size=CROP_PX), size=size),
        face_mask=region_mask(allowed, square=square, size=size),
        picture=image,
        square=square,
    )


def read_picture(path: Path, *, what: str = "portrait") -> NDArray[np.uint8]:
    """Return (H, W, 3) RGB, turned upright; MediaError for what is missing, no picture, cut off or too large.

    `what` is what messages call it.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        try:
            with Image.open(path, formats=FORMATS) as image:
                return np.asarray(_eight_bit(ImageOps.exif_transpose(image)).convert("RGB"))
        except FileNotFoundError as error:
            raise MediaError("not_found", f"there is no {what} {path}") from error
        except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
            limit = (Image.MAX_IMAGE_PIXELS or 0) / 1e6
            raise MediaError("too_large", f"the {what} {path} is over {limit:.0f} million pixels; shrink it") from error
        except UnidentifiedImageError as error:
            known = ", ".join(FORMATS)
            raise MediaError("not_picture", f"the {what} {path} is not a picture ({known})") from error
        except (OSError, SyntaxError, ValueError) as error:
            raise MediaError("broken_picture", f"the {what} {path} can't be read: {error}") from error


def _eight_bit(image: Image.Image) -> Image.Image:
    """Return a picture of 16-bit grey with 8 bits; Pillow's own conversion clips it to white."""
    if not image.mode.startswith("I"):
        return image
    return Image.fromarray((np.asarray(image).clip(0, 65_535) / 257).round().astype(np.uint8))


def _size(image: NDArray[np.uint8]) -> tuple[int, int]:
    return image.shape[1], image.shape[0]


def _scaled(box: Box, scale: NDArray[np.float32]) -> NDArray[np.float32]:
    return (np.asarray(box, np.float32).reshape(2, 2) * scale).reshape(4)


def _region(
    region: Box | Path | Literal["all"],
    *,
    full: NDArray[np.uint8],
    image: NDArray[np.uint8],
    scale: NDArray[np.float32],
) -> Region:
    """Return a region of the full picture as one of the fitted `image`."""
    if isinstance(region, str):
        return region
    if not isinstance(region, Path):
        check_box(region, size=_size(full), name="the face region")
        left, top, right, bottom = _scaled(region, scale).tolist()
        return left, top, right, bottom
    mask = read_picture(region, what="mask of the face region")[..., 1]
    if mask.shape != full.shape[:2]:
        raise MediaError(
            "mask_size",
            f"the mask of the face region {region} is {mask.shape[1]} x {mask.shape[0]} px; it must be as large as the "
            f"portrait, {full.shape[1]} x {full.shape[0]} px, bright where the face may be",
        )
    return np.asarray(cv2.resize(mask, _size(image), interpolation=cv2.INTER_AREA), np.uint8)


def _face_box(image: NDArray[np.uint8], name: str) -> NDArray[np.float32]:
    scale = max(1.0, image.shape[1] / ANALYSIS_WIDTH_PX)
    small = image if scale == 1 else _shrunk(image, scale)
    for box, keypoints in zip(*_found(small), strict=True):
        face = mesh(small, box=box, keypoints=keypoints)
        if face.confidence >= MIN_CONFIDENCE:
            return hull_box(face.points) * np.float32(scale)
    raise MediaError(
        "no_face",
        f"no face was found in the portrait {name}; choose a picture of one face that looks "
        "at the camera, or name the place of a drawn or painted one: --box left,top,right,bottom in px",
    )


def _found(image: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    faces = blazeface(image)
    return faces.boxes, faces.keypoints


def _shrunk(image: NDArray[np.uint8], scale: float) -> NDArray[np.uint8]:
    size = (round(image.shape[1] / scale), max(1, round(image.shape[0] / scale)))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
