"""How far the generated face's landmarks lie from the real one's, frame by frame."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from curate import mesh
from curate.errors import MediaError
from evaluate.observation import FACE_WEIGHTS, MIN_MESH_CONFIDENCE, Observation, find_face

WEIGHTS = FACE_WEIGHTS
PACKAGES = ("ai-edge-litert", "opencv-python")
CROP_PX = 256
FACE_SHARE = 0.55  # of the crop's side that a face's longer side takes: curate.crop's, and about what papers crop
MOUTH = (
    *(61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291, 375, 321, 405, 314, 17, 84, 181, 91, 146),  # outer lips
    *(78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308, 324, 318, 402, 317, 14, 87, 178, 88, 95),  # inner lips
)
PROTOCOL = {
    "number": "mean Euclidean distance of the mesh's points in the picture's plane after mean-centring each frame's, "
    "of its 40 points of the lips (mouth) and of all 468 (face), mean over frames on which both show the face",
    "unit": f"px of a {CROP_PX} px crop of the reference, in which its median face takes {FACE_SHARE:.0%} of the side",
}

Points = NDArray[np.float32]


def landmark_distance(generated: Observation, reference: Observation) -> dict[str, float]:
    """`mouth` and `face`: px of a 256 px crop, 0 for equal faces, lower is better; how many `frames` both show it on.

    A head that is turned or nearer than the real one counts; where in the picture it is does not.
    """
    zoom = np.float32(reference.analysis.info.width / generated.analysis.info.width)
    distances, sides = [], []
    for made, real in zip(_meshes(generated), _meshes(reference), strict=False):
        if made is None or real is None:
            continue
        made = made * zoom
        distances.append((centred_distance(made[list(MOUTH)], real[list(MOUTH)]), centred_distance(made, real)))
        sides.append(float(np.ptp(real[:, :2], axis=0).max()))
    if not distances:
        raise MediaError("no_face", "on no frame do both videos show the tracked face")
    mouth, face = np.mean(distances, axis=0) * (CROP_PX * FACE_SHARE / np.median(sides))
    return {"mouth": float(mouth), "face": float(face), "frames": float(len(distances))}


def centred_distance(made: Points, real: Points) -> float:
    """The mean distance of points (n, 2 or 3) in the plane, once each set's mean is taken from it."""
    flat, true = (points[:, :2].astype(np.float64) for points in (made, real))
    return float(np.linalg.norm((flat - flat.mean(axis=0)) - (true - true.mean(axis=0)), axis=1).mean())


def _meshes(observation: Observation) -> Iterator[Points | None]:
    """The tracked face's mesh (468, 3) on each frame of the video, followed from frame to frame; None where lost."""
    track = observation.track
    near: Points | None = None
    for picture in observation.frames():
        place = picture.index - track.first
        if not 0 <= place < len(track) or not track.confidence[place]:
            near = None
        elif near is None:
            near = find_face(picture.image, near=track.points[place].mean(axis=0))
        else:
            fitted = mesh.fit(picture.image, mesh.roi_of_mesh(near))
            near = fitted.points if fitted.confidence >= MIN_MESH_CONFIDENCE else None
        yield near
