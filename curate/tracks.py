"""Face tracks: the faces of successive frames joined by overlap, with what was read off each face's mesh."""

from array import array
from dataclasses import dataclass, field, fields
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from curate.boxes import area, shared_area
from curate.expression import NAMES as EXPRESSIONS
from curate.media import CORPUS_FPS

MIN_OVERLAP = 0.3  # of a face's box with its last one: a head moves less than half its size in 40 ms
SMOOTH_FRAMES = 5  # window over which boxes are averaged: crops must not tremble with the mesh

Series = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True, eq=False)
class Face:
    """One face in one frame; lengths in px of the source picture."""

    box: Series  # (4,) left, top, right, bottom of the mesh: hairline to chin
    points: Series  # (5, 2) right eye, left eye, nose tip, right and left mouth corner
    rotation: Series  # (3, 3)
    pose_deg: Series  # (3,) yaw, pitch, roll
    mouth_aperture: float
    mouth_width: float
    eye_openness: float
    expression: Series  # (21,) named by curate.expression.NAMES
    confidence: float
    sharpness: float
    luminance: float
    completeness: float


# the shape of each of a face's numbers; together they are a row of 59 floats
_SHAPES: dict[str, tuple[int, ...]] = {
    "box": (4,),
    "points": (5, 2),
    "rotation": (3, 3),
    "pose_deg": (3,),
    "mouth_aperture": (),
    "mouth_width": (),
    "eye_openness": (),
    "expression": (len(EXPRESSIONS),),
    "confidence": (),
    "sharpness": (),
    "luminance": (),
    "completeness": (),
}


@dataclass(frozen=True, kw_only=True, eq=False)
class Track:
    """One face over F successive grid frames, from frame `first` on; px of the source picture.

    `boxes` (F, 4) smoothed over SMOOTH_FRAMES, `points` (F, 5, 2), `pose_deg` (F, 3) yaw, pitch, roll,
    `rotation_speed_deg` (F,) degrees a frame, `mouth_aperture` (F,) over face height, `mouth_width` (F,) over eye
    distance, `eye_openness` (F,), `expression` (F, 21) (see curate.expression), `confidence` (F,) in [0, 1] and 0 where
    a short gap was filled, `sharpness` and `luminance` (F,) (see the scorers), `completeness` (F,) the share of the
    mesh's points inside the picture.
    """

    first: int
    fps: int
    boxes: Series
    points: Series
    pose_deg: Series
    rotation_speed_deg: Series
    mouth_aperture: Series
    mouth_width: Series
    eye_openness: Series
    expression: Series
    confidence: Series
    sharpness: Series
    luminance: Series
    completeness: Series

    def __len__(self) -> int:
        return len(self.boxes)

    @property
    def start_s(self) -> float:
        """Seconds after the video's first frame."""
        return self.first / self.fps

    @property
    def end_s(self) -> float:
        """Seconds after the video's first frame, exclusive."""
        return (self.first + len(self)) / self.fps

    def part(self, begin: int, end: int) -> "Track":
        """Return frames [begin, end) of the track as a track."""
        series = {f.name: getattr(self, f.name)[begin:end] for f in fields(self) if f.name not in ("first", "fps")}
        return Track(first=self.first + begin, fps=self.fps, **series)


@dataclass
class _Growing:
    """A track's frame indexes and its faces as rows of floats: an hour of a face takes 21 MB."""

    indexes: "array[int]"
    rows: "array[float]"
    last_box: Series

    @classmethod
    def begun(cls, index: int, face: Face) -> "_Growing":
        track = cls(array("i"), array("f"), face.box)
        track.add(index, face)
        return track

    def add(self, index: int, face: Face) -> None:
        self.indexes.append(index)
        self.rows.extend(np.concatenate([np.ravel(getattr(face, name)) for name in _SHAPES]))
        self.last_box = face.box


@dataclass
class Tracker:
    """Joins faces, frame by frame: each to the track it overlaps most, best pairs first; a gap may last `max_gap_s`."""

    fps: int = CORPUS_FPS
    max_gap_s: float = 0.4
    _open: list[_Growing] = field(default_factory=list)
    _closed: list[_Growing] = field(default_factory=list)

    def feed(self, index: int, faces: list[Face]) -> None:
        """Take the faces of frame `index`."""
        self._close(before=index - round(self.max_gap_s * self.fps))
        pairs = sorted(
            (
                (_overlap(track.last_box, face.box), t, f)
                for t, track in enumerate(self._open)
                for f, face in enumerate(faces)
            ),
            key=lambda pair: -pair[0],
        )
        taken: set[int] = set()
        used: set[int] = set()
        for overlap, t, f in pairs:
            if overlap >= MIN_OVERLAP and t not in used and f not in taken:
                self._open[t].add(index, faces[f])
                used.add(t)
                taken.add(f)
        self._open += [_Growing.begun(index, face) for f, face in enumerate(faces) if f not in taken]

    def tracks(self, *, cuts: tuple[int, ...], min_s: float) -> tuple[Track, ...]:
        """Return the tracks of at least `min_s`, cut at shot boundaries, in order of start, then left to right."""
        pieces = [piece for track in self._closed + self._open for piece in _split(track, cuts)]
        long_enough = (piece for piece in pieces if len(piece[0]) >= max(2, min_s * self.fps))
        whole = [_filled(indexes, rows, self.fps) for indexes, rows in long_enough]
        return tuple(sorted(whole, key=lambda track: (track.first, float(track.boxes[0, 0]))))

    def _close(self, *, before: int) -> None:
        self._closed += [track for track in self._open if track.indexes[-1] < before]
        self._open = [track for track in self._open if track.indexes[-1] >= before]


def _overlap(first: Series, second: Series) -> float:
    """Intersection over union of two boxes."""
    both = shared_area(first, second)
    return both / (area(first) + area(second) - both) if both else 0.0


def _split(track: _Growing, cuts: tuple[int, ...]) -> list[tuple[NDArray[np.int32], Series]]:
    """Cut a track at shot boundaries into (frame indexes (n,), rows (n, 59))."""
    indexes = np.asarray(track.indexes, np.int32)
    rows = np.asarray(track.rows, np.float32).reshape(len(indexes), -1)
    bounds = [0, *np.searchsorted(indexes, cuts), len(indexes)]
    return [(indexes[a:b], rows[a:b]) for a, b in pairwise(bounds) if b > a]


def _filled(seen: NDArray[np.int32], rows: Series, fps: int) -> Track:
    """Bring a track to one row a frame; short gaps are filled on a straight line."""
    grid = np.arange(seen[0], seen[-1] + 1)
    filled = np.stack([np.interp(grid, seen, column) for column in rows.T], axis=1).astype(np.float32)
    widths = [int(np.prod(shape)) for shape in _SHAPES.values()]
    columns = np.split(filled, np.cumsum(widths)[:-1], axis=1)
    series = {
        name: column.reshape(len(grid), *shape) for (name, shape), column in zip(_SHAPES.items(), columns, strict=True)
    }
    series["confidence"][~np.isin(grid, seen)] = 0.0
    boxes, rotations = series.pop("box"), series.pop("rotation")
    return Track(
        first=int(seen[0]),
        fps=fps,
        boxes=_smooth(boxes),
        rotation_speed_deg=_rotation_speed_deg(rotations),
        **series,
    )


def _smooth(boxes: Series) -> Series:
    """Average (F, 4) over a centred window; at the ends it shrinks, so that a steady drift stays as it is."""
    n = len(boxes)
    sums = np.concatenate([np.zeros((1, 4)), np.cumsum(boxes, axis=0, dtype=np.float64)])
    centre = np.arange(n)
    reach = np.minimum(SMOOTH_FRAMES // 2, np.minimum(centre, n - 1 - centre))
    mean = (sums[centre + reach + 1] - sums[centre - reach]) / (2 * reach + 1)[:, None]
    return np.asarray(mean, np.float32)


def _rotation_speed_deg(rotations: Series) -> Series:
    """Degrees a frame, from the frames before and after: half the noise of a plain difference."""
    n = len(rotations)
    before, after = np.maximum(np.arange(n) - 1, 0), np.minimum(np.arange(n) + 1, n - 1)
    cosines = (np.einsum("fij,fij->f", rotations[before], rotations[after]) - 1) / 2
    angles = np.degrees(np.arccos(np.clip(cosines, -1.0, 1.0)))
    return np.asarray(angles / np.maximum(after - before, 1), np.float32)
