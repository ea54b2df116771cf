"""One picture of a video, and the cheapest way to the part of it that somebody needs.

A full-size RGB picture costs more than the decoding did. So a frame keeps the decoder's own planes, and hands out a
small copy, a region or a face's brightness.
"""

from dataclasses import dataclass, field
from functools import cache, cached_property

import av
import cv2
import numpy as np
from av.video.reformatter import ColorRange, VideoReformatter
from numpy.typing import NDArray

_PLANAR = ("yuv420p", "yuvj420p")

Plane = NDArray[np.uint8]


@dataclass(frozen=True, kw_only=True)
class Box:
    """A rectangle in px of the upright picture; right and bottom are exclusive."""

    left: int
    top: int
    right: int
    bottom: int


@dataclass(frozen=True, kw_only=True, eq=False)
class Frame:
    """One picture of the grid, `index / fps` seconds after the first frame.

    `decoded` has square pixels and no interlaced lines; `turn` quarter turns counter-clockwise bring it upright. A
    stream's frames share their `reformatter`: setting one up costs more than a small picture.
    """

    index: int
    decoded: av.VideoFrame
    turn: int = 0
    max_width: int | None = None
    reformatter: VideoReformatter = field(default_factory=VideoReformatter)

    @property
    def width(self) -> int:
        """Of the upright picture, px."""
        return self.decoded.height if self.turn % 2 else self.decoded.width

    @property
    def height(self) -> int:
        """Of the upright picture, px."""
        return self.decoded.width if self.turn % 2 else self.decoded.height

    @cached_property
    def image(self) -> NDArray[np.uint8]:
        """The whole picture, (H, W, 3) RGB, at most `max_width` px wide."""
        return self._scaled(1.0 if self.max_width is None else min(1.0, self.max_width / self.width))

    def small(self, longest_px: int) -> NDArray[np.uint8]:
        """Return the whole picture, (H, W, 3) RGB, with neither side over `longest_px`."""
        return self._scaled(min(1.0, longest_px / max(self.width, self.height)))

    def region(self, box: Box) -> tuple[NDArray[np.uint8], Box]:
        """Return a box's (h, w, 3) RGB, and the box: cut at the picture's edge, and grown to even px.

        The colours are BT.601's whatever the stream says: good enough for finding things, not for keeping them.
        """
        even = self._even(box)
        y, u, v = (self._cut(plane, even, 2 if chroma else 1) for chroma, plane in enumerate(self._planes))
        if self._full_range:
            tables = _to_limited_range()
            y, u, v = (np.asarray(cv2.LUT(c, t), np.uint8) for c, t in zip((y, u, v), tables, strict=True))
        height, width = y.shape
        joined = np.empty((height * 3 // 2, width), np.uint8)
        joined[:height] = y
        chroma = joined[height:].reshape(2, height // 2, width // 2)
        chroma[0], chroma[1] = u, v
        return np.asarray(cv2.cvtColor(joined, cv2.COLOR_YUV2RGB_I420), np.uint8), even

    def luma(self, box: Box) -> Plane:
        """Return the (h, w) brightness of a box cut at the picture's edge, 0 black to 255 white."""
        cut = self._cut(self._planes[0], self._inside(box), 1)
        return cut if self._full_range else np.asarray(cv2.LUT(cut, _to_full_range()), np.uint8)

    def planes(self, box: Box) -> av.VideoFrame:
        """Return a box (even px, inside the picture) as a picture of its own, in the decoder's colours."""
        cut = [self._cut(plane, box, 2 if chroma else 1) for chroma, plane in enumerate(self._planes)]
        frame = av.VideoFrame(box.right - box.left, box.bottom - box.top, "yuv420p")
        for plane, values in zip(frame.planes, cut, strict=True):
            padded = np.zeros((plane.height, plane.line_size), np.uint8)
            padded[:, : values.shape[1]] = values
            plane.update(padded.tobytes())
        frame.colorspace, frame.color_range = self._planar.colorspace, self._planar.color_range
        return frame

    @cached_property
    def _planar(self) -> av.VideoFrame:
        return self.decoded if self.decoded.format.name in _PLANAR else self.decoded.reformat(format="yuv420p")

    @cached_property
    def _planes(self) -> tuple[Plane, Plane, Plane]:
        y, u, v = (_view(plane) for plane in self._planar.planes)
        return np.rot90(y, self.turn), np.rot90(u, self.turn), np.rot90(v, self.turn)

    @property
    def _full_range(self) -> bool:
        return self._planar.format.name == "yuvj420p" or self._planar.color_range == ColorRange.JPEG

    def _scaled(self, scale: float) -> NDArray[np.uint8]:
        size = (max(2, round(self.decoded.width * scale)), max(2, round(self.decoded.height * scale)))
        small = self.reformatter.reformat(self.decoded, *size, "rgb24", interpolation="AREA", threads=1)
        return np.ascontiguousarray(np.rot90(np.asarray(small.to_ndarray(), np.uint8), self.turn))

    def _inside(self, box: Box) -> Box:
        left, top = min(max(box.left, 0), self.width - 1), min(max(box.top, 0), self.height - 1)
        right, bottom = min(max(box.right, left + 1), self.width), min(max(box.bottom, top + 1), self.height)
        return Box(left=left, top=top, right=right, bottom=bottom)

    def _even(self, box: Box) -> Box:
        inside = self._inside(box)
        most_right, most_bottom = max(2, self.width & ~1), max(2, self.height & ~1)
        right, bottom = min((inside.right + 1) & ~1, most_right), min((inside.bottom + 1) & ~1, most_bottom)
        return Box(
            left=min(inside.left & ~1, right - 2), top=min(inside.top & ~1, bottom - 2), right=right, bottom=bottom
        )

    @staticmethod
    def _cut(plane: Plane, box: Box, step: int) -> Plane:
        return plane[box.top // step : box.bottom // step, box.left // step : box.right // step]


def _view(plane: av.video.plane.VideoPlane) -> Plane:
    """A plane's pixels where they lie, without the padding at the lines' ends."""
    return np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)[: plane.height, : plane.width]


@cache
def _to_full_range() -> NDArray[np.uint8]:
    levels = (np.arange(256) - 16) * 255 / 219
    return np.asarray(np.clip(levels.round(), 0, 255), np.uint8)


@cache
def _to_limited_range() -> tuple[Plane, Plane, Plane]:
    """What OpenCV takes Y, U and V to be."""
    levels = np.arange(256)
    luma, chroma = 16 + levels * 219 / 255, 128 + (levels - 128) * 224 / 255
    return luma.round().astype(np.uint8), chroma.round().astype(np.uint8), chroma.round().astype(np.uint8)
