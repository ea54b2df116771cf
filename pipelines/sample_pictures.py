"""The sampler's frames as the pictures of a video: scaled or put back into the portrait, and labelled."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    from train.portrait import Portrait

OnFrame = Callable[[int, int], object]  # is told (pictures done, of all)


def pictures_of(
    frames: "Iterator[Tensor]", *, put_back_into: "Portrait | None", size_px: int, label: str | None
) -> "Iterator[NDArray[np.uint8]]":
    """Take frames (3, S, S) in [-1, 1] to RGB: `size_px` squares, or whole portraits, with the label if any."""
    from pipelines.visible_label import draw_label
    from train.paste_back import pasting

    whole = None if put_back_into is None else pasting(put_back_into.picture, put_back_into.square)
    drawn = None
    for frame in frames:
        picture = ((frame + 1) * 127.5).round().clamp(0, 255).byte().permute(1, 2, 0).cpu().numpy()
        picture = _scaled(picture, size_px) if whole is None else whole.paste(picture)
        if label is not None:
            drawn = drawn or draw_label(label, width=picture.shape[1], height=picture.shape[0])
            picture = drawn.over(picture)
        yield picture


def counted(pictures: "Iterator[NDArray[np.uint8]]", total: int, on_frame: OnFrame) -> "Iterator[NDArray[np.uint8]]":
    """Yield the pictures, telling `on_frame` of each that has been taken."""
    on_frame(0, total)
    for done, picture in enumerate(pictures, start=1):
        yield picture
        on_frame(done, total)


def _scaled(picture: "NDArray[np.uint8]", size_px: int) -> "NDArray[np.uint8]":
    import cv2
    import numpy as np

    method = cv2.INTER_AREA if len(picture) > size_px else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(picture, (size_px, size_px), interpolation=method), np.uint8)
