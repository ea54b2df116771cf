"""The mouth of an animated portrait: where the lips and the jaw go, and what is seen between the lips."""

import cv2
import numpy as np
from numpy.typing import NDArray

from pipelines.sample_corpus.warp import Floats, Image, Points

# Inner lip of MediaPipe's mesh, right corner to left corner; both rows have the same columns.
INNER_UPPER = [78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308]
INNER_LOWER = [78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308]
WIDE_OPEN = 0.14  # of the face's height, at aperture 1
SHUT_AT = 0.45  # where between the smile's lips they meet, from upper 0 to lower 1
UPPER_SHARE = 0.18  # of the opening, done by the upper lip
SMILE_RELAXED = 0.17  # how much narrower than in the smiling picture the mouth is at rest
CORNERS_DROP = 0.22  # of half the mouth's width, against the smile
SPREAD_WIDTH = 0.12  # how much wider or narrower bright and round vowels make it
CAVITY, TONGUE = (46, 16, 18), (150, 78, 78)
TEETH_LIGHT = 0.86
LIP_LINE = 0.65  # how dark the line between shut lips is


def moved_by_speech(points: Points, *, aperture: float, spread: float) -> NDArray[np.float32]:
    """(468, 2) displacements in px of the mesh (468, 3) in its own rest pose; `aperture` 0..1, `spread` -1..1."""
    flat = points[:, :2]
    height = float(np.linalg.norm(flat[152] - flat[10]))
    upper, lower = flat[INNER_UPPER], flat[INNER_LOWER]
    shut = upper + SHUT_AT * (lower - upper)
    half_width = float(np.linalg.norm(shut[-1] - shut[0])) / 2
    along = np.linspace(-1.0, 1.0, len(upper))
    gap = aperture * WIDE_OPEN * height * np.sqrt(np.clip(1.0 - along**2, 0.0, 1.0))
    highest = np.minimum(UPPER_SHARE * gap, shut[:, 1] - upper[:, 1])
    upper_dy = shut[:, 1] - highest - upper[:, 1]
    lower_dy = shut[:, 1] + gap - highest - lower[:, 1]

    line_y = np.interp(flat[:, 0], shut[:, 0], shut[:, 1])
    beside = np.exp(-((np.maximum(0.0, np.abs(flat[:, 0] - shut[5, 0]) - half_width) / (0.35 * half_width)) ** 2))
    from_upper = np.interp(flat[:, 0], upper[:, 0], upper[:, 1]) - flat[:, 1]
    from_lower = flat[:, 1] - np.interp(flat[:, 0], lower[:, 0], lower[:, 1])
    above = beside * np.interp(flat[:, 0], shut[:, 0], upper_dy) * _fades(from_upper, 0.09 * height)
    lip = beside * np.interp(flat[:, 0], shut[:, 0], lower_dy) * _fades(from_lower, 0.08 * height)
    jaw = 0.75 * float(gap[5]) * _jaw_share(flat, line_y, height)
    below = lip + (1.0 - beside * _fades(from_lower, 0.08 * height)) * jaw
    dy = np.where(flat[:, 1] > line_y, below, above)
    dy[INNER_UPPER], dy[INNER_LOWER] = upper_dy, lower_dy
    dx, droop = _sideways(flat, shut, spread - 0.4 * aperture)
    return np.column_stack([dx, dy + droop]).astype(np.float32)


def paint_inside(frame: Image, portrait: Image, *, rest: Points, skull: Points, target: Points) -> Image:
    """Put cavity, upper teeth and tongue between the lips of a warped frame.

    (468, 2) px each: `rest` is the mesh in the portrait, `target` in the frame, `skull` in the frame if the face had
    kept the portrait's smile. The teeth are the portrait's own and keep to the skull, so the lips uncover them.
    """
    upper, lower = target[INNER_UPPER], target[INNER_LOWER]
    left, top = np.floor(np.minimum(upper, lower).min(axis=0)).astype(int) - 6
    right, bottom = np.ceil(np.maximum(upper, lower).max(axis=0)).astype(int) + 6
    if min(left, top) < 0 or right > frame.shape[1] or bottom > frame.shape[0]:
        return frame
    origin, size = np.array([left, top], np.float32), (int(right - left), int(bottom - top))
    opening = np.maximum(
        _polygon(np.concatenate([upper, lower[::-1]]) - origin, size), _line((upper + lower) / 2 - origin, size)
    )
    inside = _cavity(lower - origin, size)
    teeth, teeth_mask = _teeth(portrait, rest, skull - origin, size)
    teeth_mask = teeth_mask * np.clip((lower[5, 1] - upper[5, 1] - 1.5) / 5.0, 0.0, 1.0)
    inside = inside * (1.0 - teeth_mask) + teeth * teeth_mask
    inside *= _lip_shadow(upper - origin, size)
    painted = frame.copy()
    region = painted[top:bottom, left:right]
    painted[top:bottom, left:right] = (region * (1.0 - opening) + inside * opening).round().astype(np.uint8)
    return painted


def _fades(distance: Floats, reach_px: float) -> Floats:
    return np.asarray(np.exp(-((np.maximum(0.0, distance) / reach_px) ** 2)))


def _jaw_share(flat: Points, line_y: NDArray[np.float64], height: float) -> NDArray[np.float64]:
    """How far each point follows the jaw: all at the chin, nothing at the mouth's line and the ears."""
    down = np.clip((flat[:, 1] - line_y) / (0.16 * height), 0.0, 1.0)
    across = np.exp(-(((flat[:, 0] - flat[152, 0]) / (0.42 * height)) ** 4))
    return np.asarray(down * down * (3.0 - 2.0 * down) * across)


def _sideways(flat: Points, shut: Points, spread: float) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """(468,) px to the side and down: the corners of the mouth come in and down from the smile, or go out."""
    centre, half_width = shut[5], float(np.linalg.norm(shut[-1] - shut[0])) / 2
    near = np.exp(-(((flat - centre) ** 2).sum(axis=1)) / (2 * (1.1 * half_width) ** 2))
    outward = (flat[:, 0] - centre[0]) / half_width
    dx = outward * half_width * near * (SPREAD_WIDTH * spread - SMILE_RELAXED)
    return dx.astype(np.float32), (CORNERS_DROP * half_width * near * outward**2).astype(np.float32)


def _polygon(corners: Floats, size: tuple[int, int]) -> NDArray[np.float32]:
    """(h, w, 1) soft mask in 0..1 of a polygon."""
    scale = 4
    mask = np.zeros((size[1] * scale, size[0] * scale), np.uint8)
    cv2.fillPoly(mask, [np.round((corners + 0.5) * scale - 0.5).astype(np.int32)], 255)
    small = cv2.resize(mask, size, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.GaussianBlur(small, (0, 0), 0.7)[..., None] / np.float32(255), np.float32)


def _line(points: Floats, size: tuple[int, int]) -> NDArray[np.float32]:
    """(h, w, 1) soft mask of the line where shut lips meet."""
    scale = 4
    mask = np.zeros((size[1] * scale, size[0] * scale), np.uint8)
    cv2.polylines(mask, [np.round((points + 0.5) * scale - 0.5).astype(np.int32)], False, 255, 7)
    return np.asarray(
        cv2.resize(mask, size, interpolation=cv2.INTER_AREA)[..., None] / np.float32(255) * LIP_LINE, np.float32
    )


def _cavity(lower: Points, size: tuple[int, int]) -> NDArray[np.float32]:
    """(h, w, 3): dark, with the tongue lying at the bottom."""
    picture = np.full((size[1], size[0], 3), CAVITY, np.float32)
    width = float(np.linalg.norm(lower[-1] - lower[0]))
    x, y = lower[5]
    tongue = np.zeros((size[1], size[0]), np.float32)
    axes = (max(1, int(0.3 * width)), max(1, int(0.13 * width)))
    cv2.ellipse(tongue, (int(x), int(y)), axes, 0, 0, 360, 1.0, -1)
    weight = cv2.GaussianBlur(tongue, (0, 0), 0.05 * width)[..., None] * 0.75
    return np.asarray(picture * (1.0 - weight) + np.array(TONGUE) * weight, np.float32)


def _teeth(
    portrait: Image, rest: Points, skull: Points, size: tuple[int, int]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """(h, w, 3) picture and (h, w, 1) mask of the portrait's upper teeth where the skull has them now."""
    around = INNER_UPPER + INNER_LOWER[::-1]
    padded = np.column_stack([rest[around], np.ones(len(around))])
    motion = np.linalg.lstsq(padded, skull[around], rcond=None)[0].T
    picture = cv2.warpAffine(portrait, motion, size, flags=cv2.INTER_LINEAR).astype(np.float32) * TEETH_LIGHT
    mask = cv2.GaussianBlur(_polygon(skull[around], size), (0, 0), 1.2)
    return np.asarray(picture, np.float32), np.asarray(mask, np.float32)[..., None]


def _lip_shadow(upper: Points, size: tuple[int, int]) -> NDArray[np.float32]:
    """(h, w, 1): darker right under the upper lip."""
    columns, rows = np.arange(size[0], dtype=np.float32), np.arange(size[1], dtype=np.float32)
    depth = rows[:, None] - np.interp(columns, upper[:, 0], upper[:, 1])[None]
    return np.asarray(np.clip(0.55 + depth / 8.0, 0.55, 1.0)[..., None], np.float32)
