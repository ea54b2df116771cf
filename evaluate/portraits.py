"""Portraits that generated clips are compared with, paired by stem."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from curate import identity
from curate.errors import EmoforgeError
from curate.mesh import five_points
from evaluate.observation import find_face

SUFFIXES = frozenset({".bmp", ".jpeg", ".jpg", ".png", ".webp"})
MAX_SIDE_PX = 1024  # a photograph of 20 megapixels is no surer than this, and slower


def list_portraits(folder: Path) -> tuple[Path, ...]:
    """The pictures in a folder, by name; EmoforgeError when it is missing or holds none."""
    if not folder.is_dir():
        raise EmoforgeError(f"the portraits folder {folder} does not exist")
    paths = tuple(sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES))
    if not paths:
        raise EmoforgeError(
            f"the portraits folder {folder} holds no picture (looked for {', '.join(sorted(SUFFIXES))})"
        )
    return paths


def embed_portrait(path: Path) -> NDArray[np.float32] | str:
    """The (128,) identity of the surest face in a picture file, or the reason why there is none."""
    try:
        image = read_picture(path)
    except (OSError, Image.DecompressionBombError) as error:
        return f"portrait_unreadable: {path.name}: {error}"
    points = find_face(image)
    if points is None:
        return f"portrait_without_face: no face found in {path.name}"
    return identity.embed(image, five_points(points))


def read_picture(path: Path) -> NDArray[np.uint8]:
    """A picture as (H, W, 3) RGB, upright by its EXIF, at most 1024 px; OSError when it can't be decoded."""
    with Image.open(path) as picture:
        upright = ImageOps.exif_transpose(picture).convert("RGB")
    upright.thumbnail((MAX_SIDE_PX, MAX_SIDE_PX), Image.Resampling.LANCZOS)
    return np.array(upright, np.uint8)
