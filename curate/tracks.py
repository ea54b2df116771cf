"""Face tracks: the faces of successive frames joined by overlap, with what was read off each face's mesh."""

from dataclasses import dataclass, field, fields
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from curate import mesh as face_mesh
from curate.media import CORPUS_FPS

MIN_OVERLAP = 0.3  # of a face's box with its last one: a head moves less than half its size in 40 ms

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
    confidence: float
    sharpness: float


@dataclass(frozen=True, kw_only=True, eq=False)
class Track:
    """One face over F successive grid frames, from frame `first` on; px of the source picture.

    `boxes` (F, 4), `points` (F, 5, 2), `pose_deg` (F, 3) yaw, pitch, roll, `rotation_speed_deg` (F,) degrees a frame,
    `mouth_aperture` (F,) over face height, `mouth_width` (F,) over eye distance, `eye_openness` (F,), `confidence`
    (F,) in [0, 1] and 0 where a short gap was filled, `sharpness` (F,) (see the scorer).
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
    confidence: Series
    sharpness: Series

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
    indexes: list[int]
    faces: list[Face]


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
                (_overlap(track.faces[-1].box, face.box), t, f)
                for t, track in enumerate(self._open)
                for f, face in enumerate(faces)
            ),
            key=lambda pair: -pair[0],
        )
        taken: set[int] = set()
        used: set[int] = set()
        for overlap, t, f in pairs:
            if overlap >= MIN_OVERLAP and t not in used and f not in taken:
                self._open[t].indexes.append(index)
                self._open[t].faces.append(faces[f])
                used.add(t)
                taken.add(f)
        self._open += [_Growing([index], [face]) for f, face in enumerate(faces) if f not in taken]

    def tracks(self, *, cuts: tuple[int, ...], min_s: float) -> tuple[Track, ...]:
        """Return the tracks of at least `min_s`, cut at shot boundaries, in order of start, then left to right."""
        pieces = [piece for track in self._closed + self._open for piece in _split(track, cuts)]
        whole = [_filled(piece, self.fps) for piece in pieces if len(piece.indexes) >= max(2, min_s * self.fps)]
        return tuple(sorted(whole, key=lambda track: (track.first, float(track.boxes[0, 0]))))

    def _close(self, *, before: int) -> None:
        self._closed += [track for track in self._open if track.indexes[-1] < before]
        self._open = [track for track in self._open if track.indexes[-1] >= before]


def _overlap(first: Series, second: Series) -> float:
    """Intersection over union of two boxes."""
    width = min(first[2], second[2]) - max(first[0], second[0])
    height = min(first[3], second[3]) - max(first[1], second[1])
    if width <= 0 or height <= 0:
        return 0.0
    both = float(width * height)
    areas = [float((box[2] - box[0]) * (box[3] - box[1])) for box in (first, second)]
    return both / (sum(areas) - both)


def _split(track: _Growing, cuts: tuple[int, ...]) -> list[_Growing]:
    bounds = [0, *(int(np.searchsorted(track.indexes, cut)) for cut in cuts), len(track.indexes)]
    return [_Growing(track.indexes[a:b], track.faces[a:b]) for a, b in pairwise(bounds) if b > a]


def _filled(track: _Growing, fps: int) -> Track:
    """Bring a track to one row a frame; short gaps are filled on a straight line."""
    seen = np.asarray(track.indexes)
    grid = np.arange(seen[0], seen[-1] + 1)

    def series(name: str) -> Series:
        values = np.asarray([getattr(face, name) for face in track.faces], np.float32)
        flat = values.reshape(len(seen), -1)
        filled = np.stack([np.interp(grid, seen, column) for column in flat.T], axis=1)
        return filled.reshape(len(grid), *values.shape[1:]).astype(np.float32)

    confidence = series("confidence")
    confidence[~np.isin(grid, seen)] = 0.0
    return Track(
        first=int(seen[0]),
        fps=fps,
        boxes=series("box"),
        points=series("points"),
        pose_deg=series("pose_deg"),
        rotation_speed_deg=_rotation_speed_deg(series("rotation")),
        mouth_aperture=series("mouth_aperture"),
        mouth_width=series("mouth_width"),
        eye_openness=series("eye_openness"),
        confidence=confidence,
        sharpness=series("sharpness"),
    )


def _rotation_speed_deg(rotations: Series) -> Series:
    """Degrees a frame, from the frames before and after: half the noise of a plain difference."""
    n = len(rotations)
    around = [(max(i - 1, 0), min(i + 1, n - 1)) for i in range(n)]
    speeds = [face_mesh.rotation_between_deg(rotations[a], rotations[b]) / max(b - a, 1) for a, b in around]
    return np.asarray(speeds, np.float32)
