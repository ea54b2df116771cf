"""A portrait made to talk: head, eyes, brows and mouth over time, and the frames that show them."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipelines.sample_corpus.mouth import moved_by_speech, paint_inside
from pipelines.sample_corpus.portrait import Portrait
from pipelines.sample_corpus.speech import MouthMotion
from pipelines.sample_corpus.warp import Image, Points, warp

# Upper and lower eyelid of MediaPipe's mesh, corner to corner, and the skin above the upper lid.
LIDS = (
    ([246, 161, 160, 159, 158, 157, 173], [7, 163, 144, 145, 153, 154, 155], [247, 30, 29, 27, 28, 56, 190]),
    ([466, 388, 387, 386, 385, 384, 398], [249, 390, 373, 374, 380, 381, 382], [467, 260, 259, 257, 258, 286, 414]),
)
BROWS = [70, 63, 105, 66, 107, 46, 53, 52, 65, 55, 300, 293, 334, 296, 336, 276, 283, 282, 295, 285]
BLINK_FRAMES = (0.45, 1.0, 0.9, 0.4)  # how far the lids are down, frame by frame at 25 fps
PIVOT = (0.0, 0.15, 0.45)  # of the face's height, from its middle: right, down and behind
BROW_LIFT = 0.018  # of the face's height
DEPTH = (
    0.1  # of the face's height, behind its middle: the sides fall off no deeper, or a turned face would fold over them
)
YAW_DEG, PITCH_DEG, ROLL_DEG, ZOOM, SHIFT = (
    8.0,
    4.0,
    4.0,
    0.02,
    0.012,
)  # how far the head goes; the shift is of its size


@dataclass(frozen=True, kw_only=True)
class Performance:
    """Everything that moves, one value a frame: angles in degrees, `zoom` a factor, `shift` (F, 2) of the face's
    height, `blink` 0 open .. 1 shut, `brow` -1 .. 1, `mouth` as speech has it."""

    yaw_deg: NDArray[np.float32]
    pitch_deg: NDArray[np.float32]
    roll_deg: NDArray[np.float32]
    zoom: NDArray[np.float32]
    shift: NDArray[np.float32]
    blink: NDArray[np.float32]
    brow: NDArray[np.float32]
    mouth: MouthMotion

    def __len__(self) -> int:
        return len(self.blink)


def perform(mouth: MouthMotion, *, seed: int, fps: int, liveliness: float = 1.0) -> Performance:
    """Add small smooth head motion, blinks and brows to a mouth's motion; the same seed gives the same motion."""
    random = np.random.default_rng(seed)
    count = len(mouth.aperture)
    sways = [_sway(random, count, fps) * liveliness for _ in range(7)]
    stress = np.convolve(mouth.aperture, np.hanning(15) / np.hanning(15).sum(), mode="same")
    return Performance(
        yaw_deg=YAW_DEG * sways[0],
        pitch_deg=PITCH_DEG * sways[1] + 3.0 * (stress - stress.mean()),
        roll_deg=ROLL_DEG * sways[2],
        zoom=1.0 + ZOOM * sways[3],
        shift=np.stack(sways[4:6], axis=1) * np.float32(SHIFT),
        blink=_blinks(random, count, fps),
        brow=np.clip(0.6 * sways[6] + 1.5 * (stress - stress.mean()), -1.0, 1.0),
        mouth=mouth,
    )


def frames(portrait: Portrait, performance: Performance) -> Iterator[Image]:
    """Yield (512, 512, 3) RGB frames."""
    for index in range(len(performance)):
        yield frame(portrait, performance, index)


def frame(portrait: Portrait, performance: Performance, index: int) -> Image:
    """Draw one frame."""
    rest = portrait.points[:, :2]
    speaking = _expression(portrait.points, performance, index)
    target = _posed(portrait.points + speaking, portrait.points, performance, index)
    around = portrait.surroundings + portrait.follow[:, None] * (target - rest)[portrait.leader]
    source = np.concatenate([rest, portrait.surroundings])
    picture = warp(portrait.image, source, np.concatenate([target, around]), portrait.triangles)
    skull = _posed(portrait.points, portrait.points, performance, index)
    return paint_inside(picture, portrait.image, rest=rest, skull=skull, target=target)


def _expression(points: Points, performance: Performance, index: int) -> Points:
    """(468, 3) displacements in px of mouth, lids and brows, before the head turns."""
    mouth = performance.mouth
    moved = moved_by_speech(points, aperture=float(mouth.aperture[index]), spread=float(mouth.spread[index]))
    moved += _blinked(points, float(performance.blink[index]))
    moved[BROWS, 1] -= BROW_LIFT * _height(points) * float(performance.brow[index])
    return np.column_stack([moved, np.zeros(len(moved), np.float32)])


def _posed(points: Points, rest: Points, performance: Performance, index: int) -> Points:
    """(N, 2): points (N, 3) turned with the head about a pivot inside it, seen from far away."""
    height = _height(rest)
    pivot = rest.mean(axis=0) + np.array(PIVOT) * height
    solid = np.column_stack([points[:, :2], np.minimum(points[:, 2], rest[:, 2].mean() + DEPTH * height)])
    turned = (solid - pivot) @ _rotation(performance, index).T * float(performance.zoom[index]) + pivot
    return np.asarray(turned[:, :2] + performance.shift[index] * height, np.float32)


def _height(points: Points) -> float:
    return float(np.linalg.norm(points[152, :2] - points[10, :2]))


def _rotation(performance: Performance, index: int) -> NDArray[np.float64]:
    yaw, pitch, roll = (
        float(np.radians(angle[index])) for angle in (performance.yaw_deg, performance.pitch_deg, performance.roll_deg)
    )
    about_y = np.array([[np.cos(yaw), 0, np.sin(yaw)], [0, 1, 0], [-np.sin(yaw), 0, np.cos(yaw)]])
    about_x = np.array([[1, 0, 0], [0, np.cos(pitch), -np.sin(pitch)], [0, np.sin(pitch), np.cos(pitch)]])
    about_z = np.array([[np.cos(roll), -np.sin(roll), 0], [np.sin(roll), np.cos(roll), 0], [0, 0, 1]])
    return np.asarray(about_z @ about_x @ about_y)


def _blinked(points: Points, blink: float) -> NDArray[np.float32]:
    """(468, 2) displacements that bring the upper lids `blink` of the way down."""
    moved = np.zeros((len(points), 2), np.float32)
    for upper, lower, skin in LIDS:
        way = (points[lower, :2] - points[upper, :2]) * blink
        moved[upper] = 0.88 * way
        moved[lower] = -0.1 * way
        moved[skin] = 0.5 * way
    return moved


def _sway(random: np.random.Generator, count: int, fps: int) -> NDArray[np.float32]:
    """(count,) a slow smooth wander in about -1..1: three sines under 0.5 Hz."""
    times = np.arange(count) / fps
    waves = [
        weight * np.sin(2 * np.pi * (rate_hz * times + random.uniform()))
        for weight, rate_hz in zip(
            (0.5, 0.35, 0.15), random.uniform((0.08, 0.18, 0.32), (0.14, 0.28, 0.48)), strict=True
        )
    ]
    return np.asarray(np.sum(waves, axis=0), np.float32)


def _blinks(random: np.random.Generator, count: int, fps: int) -> NDArray[np.float32]:
    blink = np.zeros(count + len(BLINK_FRAMES), np.float32)
    start = int(random.uniform(0.4, 2.0) * fps)
    while start < count:
        blink[start : start + len(BLINK_FRAMES)] = BLINK_FRAMES
        start += int(random.uniform(2.0, 4.0) * fps)
    return blink[:count]
