"""One video as the features see it: a few frames chosen by a fixed rule, their face meshes, and the tracked face."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from curate import mesh as face_mesh
from curate.analysis import Analysis, analyse
from curate.clip_media import ClipMedia, clip_media
from curate.errors import MediaError
from curate.faces.blazeface import blazeface
from curate.media import CORPUS_FPS, read_frames
from curate.tracks import Track

MIN_MESH_CONFIDENCE = 0.5
AS_LONG = 0.9  # of the longest track
MIN_TRACK_SHARE = 0.5  # of the video: less is a face among other things, or a pattern taken for one
FACE_WEIGHTS = ("blazeface_full_range_sparse", "face_mesh")

HELD = 32
PICTURE_WIDTH_PX = 1280  # of pictures that are held: 32 of them take under 100 MB

EVERY_FRAME = f"grid of {CORPUS_FPS} fps, every frame at its full size"
FRAME_RULE = (
    f"grid of {CORPUS_FPS} fps, frames 0, s, 2s, ... with s the smallest power of two that leaves at most {{n}}; "
    f"pictures at most {PICTURE_WIDTH_PX} px wide"
)


@dataclass(frozen=True, kw_only=True, eq=False)
class Picture:
    """One chosen frame: `index` on the 25 fps grid, `image` (H, W, 3) uint8 RGB."""

    index: int
    image: NDArray[np.uint8]


@dataclass(frozen=True, kw_only=True, eq=False)
class Face:
    """The tracked face on a chosen frame: its picture and the mesh `points` (468, 3) in that picture's px."""

    picture: Picture
    points: NDArray[np.float32]


@dataclass(kw_only=True, eq=False)
class Observation:
    """A video's pictures, faces and track, each computed when first asked for and kept.

    Every property raises MediaError with a reason when the video can't give it.
    """

    media: Path | bytes
    max_frames: int | None

    @cached_property
    def pictures(self) -> tuple[Picture, ...]:
        """At most `max_frames` frames over the whole video (HELD without a bound), by FRAME_RULE; memory does not grow
        with its length."""
        return choose_pictures(self.media, max_frames=self.max_frames or HELD)

    def chosen(self) -> Iterator[Picture]:
        """The frames that the protocol asks for: the pictures, or without a bound every frame at its full size."""
        return self.frames() if self.max_frames is None else iter(self.pictures)

    def frames(self) -> Iterator[Picture]:
        """Every frame of the grid at its full size, in one pass that holds none of them."""
        for frame in read_frames(self.media):
            yield Picture(index=frame.index, image=frame.image)

    @cached_property
    def analysis(self) -> Analysis:
        """The decoding pass of curation over the whole video."""
        return analyse(self.media)

    @cached_property
    def track(self) -> Track:
        """The longest face track, which must last half the video or more; of those about as long, the one whose mouth
        moves most: a still portrait beside the video is not who speaks."""
        tracks = self.analysis.tracks
        if not tracks:
            raise MediaError("no_face", "no face can be followed through the video")
        longest = max(tracks, key=len)
        longest = max(
            (t for t in tracks if len(t) >= AS_LONG * len(longest)), key=lambda t: float(t.mouth_aperture.std())
        )
        if len(longest) < MIN_TRACK_SHARE * self.analysis.n_frames:
            share = f"{len(longest)} of {self.analysis.n_frames} frames"
            raise MediaError("face_lost", f"no face can be followed for longer than {share}; curate the video first")
        return longest

    @cached_property
    def faces(self) -> tuple[Face, ...]:
        """The tracked face on those of the pictures where it is found."""
        found = (self._face(picture) for picture in self.pictures)
        faces = tuple(face for face in found if face is not None)
        if not faces:
            raise MediaError("no_face", "the face is on none of the chosen frames")
        return faces

    @cached_property
    def clip_media(self) -> ClipMedia:
        """What curate's scorers read."""
        return clip_media(self.media, self.analysis, self.track)

    def _face(self, picture: Picture) -> Face | None:
        place = picture.index - self.track.first
        if not 0 <= place < len(self.track) or self.track.confidence[place] < MIN_MESH_CONFIDENCE:
            return None
        scale = picture.image.shape[1] / self.analysis.info.width
        points = find_face(picture.image, near=self.track.points[place].mean(axis=0) * np.float32(scale))
        return None if points is None else Face(picture=picture, points=points)


def choose_pictures(media: Path | bytes, *, max_frames: int) -> tuple[Picture, ...]:
    """Keep every s-th frame in one streaming pass, doubling s whenever more than `max_frames` are held."""
    stride, kept = 1, list[Picture]()
    for frame in read_frames(media, width=PICTURE_WIDTH_PX):
        if frame.index % stride:
            continue
        kept.append(Picture(index=frame.index, image=frame.image))
        if len(kept) > max_frames:
            stride *= 2
            kept = [picture for picture in kept if picture.index % stride == 0]
    if not kept:
        raise MediaError("no_frames", "the video holds no frame")
    return tuple(kept)


def find_face(image: NDArray[np.uint8], *, near: NDArray[np.float32] | None = None) -> NDArray[np.float32] | None:
    """Mesh points (468, 3) of the surest face, or of the face nearest to `near` (2,) px; None without one."""
    found = blazeface(image)
    if not len(found):
        return None
    centres = (found.boxes[:, :2] + found.boxes[:, 2:]) / 2
    best = 0 if near is None else int(np.argmin(np.linalg.norm(centres - near, axis=1)))
    mesh = face_mesh.mesh(image, box=found.boxes[best], keypoints=found.keypoints[best])
    return mesh.points if mesh.confidence >= MIN_MESH_CONFIDENCE else None
