"""A person of the corpus as a picture that can be animated."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipelines.sample_corpus.disguise import LEFT_EYE, RIGHT_EYE, disguise
from pipelines.sample_corpus.person import FaceShape, Person
from pipelines.sample_corpus.photograph import CHIN, FACE_OVAL, face_mesh, photograph
from pipelines.sample_corpus.warp import Floats, Image, Points, triangulate, warp

NOSE_TIP, NOSE, MOUTH = 4, [98, 327], [61, 291]
RINGS = (1.22, 1.6, 2.1)  # times the face oval: hair, head's surroundings, background
RING_FOLLOWS = (0.95, 0.65, 0.25)
NECK_STAYS = 0.45  # how much less the rings follow below the chin


@dataclass(frozen=True, kw_only=True, eq=False)
class Portrait:
    """A picture to animate: (512, 512, 3) RGB, its face mesh (468, 3) in px, and rings of points around the face."""

    image: Image
    points: Points
    surroundings: Points  # (R, 2)
    leader: NDArray[np.int32]  # (R,) the point of the mesh that each of them follows
    follow: NDArray[np.float32]  # (R,) and how far: 0 stays, 1 goes along
    triangles: NDArray[np.int32]  # over points, then surroundings


def build_portrait(person: Person) -> Portrait:
    """Make the person's picture; raises EmoforgeError if the extra `demo` is not installed."""
    photo = photograph()
    image, points = _reshaped(disguise(photo, person), photo.points, person.shape)
    if person.mirrored:
        image = np.ascontiguousarray(image[:, ::-1])
        points = face_mesh(image)
    return _animatable(image, points)


def _reshaped(image: Image, points: Points, shape: FaceShape) -> tuple[Image, Points]:
    before = _animatable(image, points)
    flat = points[:, :2]
    width = float(np.ptp(flat[:, 0]))
    moved = flat + _lower_face(flat, shape)
    for eye, outward in ((RIGHT_EYE, -1.0), (LEFT_EYE, 1.0)):
        centre = flat[eye].mean(axis=0)
        apart = np.array([outward * (shape.eye_gap - 1.0) * 0.25 * width, 0.0])
        moved = moved + _nearness(flat, centre, 0.14 * width) * ((flat - centre) * (shape.eyes - 1.0) + apart)
    for feature, scale, radius in ((NOSE, shape.nose, 0.12), (MOUTH, shape.mouth, 0.2)):
        centre = flat[feature].mean(axis=0)
        moved = moved + _nearness(flat, centre, radius * width) * (flat - centre) * (scale - 1.0)
    target = np.concatenate([moved, before.surroundings]).astype(np.float32)
    source = np.concatenate([flat, before.surroundings])
    return warp(image, source, target, before.triangles), np.column_stack([moved, points[:, 2]]).astype(np.float32)


def _lower_face(flat: Points, shape: FaceShape) -> Floats:
    """(468, 2) displacements: the jaw's width and the face's length, from the nose down."""
    below_nose = np.clip((flat[:, 1:] - flat[NOSE_TIP, 1]) / (flat[CHIN, 1] - flat[NOSE_TIP, 1]), 0.0, 1.0)
    scale = np.array([shape.jaw - 1.0, shape.length - 1.0])
    return np.asarray(below_nose * (flat - flat[NOSE_TIP]) * scale)


def _nearness(points: Points, centre: Floats, radius_px: float) -> Floats:
    """(N, 1): 1 at the centre, falling off like a bell."""
    return np.asarray(np.exp(-((points - centre) ** 2).sum(axis=1, keepdims=True) / (2 * radius_px**2)))


def _animatable(image: Image, points: Points) -> Portrait:
    """Add rings of points that follow the head less and less, and the fixed border of the picture."""
    height, width = image.shape[:2]
    oval = points[FACE_OVAL, :2]
    centre = (oval.max(axis=0) + oval.min(axis=0)) / 2
    rings = [centre + (oval - centre) * scale for scale in RINGS]
    border = _border(width, height)
    around = np.concatenate([*rings, border]).astype(np.float32)
    leader = np.asarray([*FACE_OVAL * len(RINGS), *[0] * len(border)], np.int32)
    follow = np.repeat([*RING_FOLLOWS, 0.0], [*[len(oval)] * len(RINGS), len(border)])
    below = np.clip((around[:, 1] - centre[1]) / (oval[:, 1].max() - centre[1]) - 0.5, 0.0, 1.0)
    inside = ((around > 2) & (around < np.array([width - 3, height - 3]))).all(axis=1) | (follow == 0)
    return Portrait(
        image=image,
        points=points,
        surroundings=around[inside],
        leader=leader[inside],
        follow=(follow * (1.0 - NECK_STAYS * below))[inside].astype(np.float32),
        triangles=triangulate(np.concatenate([points[:, :2], around[inside]])),
    )


def _border(width: int, height: int) -> Floats:
    """(32, 2) points on the picture's edge."""
    along = np.linspace(0.0, 1.0, 9)
    rows = [(x * (width - 1), y) for x in along for y in (0.0, height - 1.0)]
    return np.asarray(rows + [(x, y * (height - 1)) for y in along[1:-1] for x in (0.0, width - 1.0)])
