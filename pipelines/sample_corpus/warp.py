"""Piecewise affine warping of a picture: triangles of points that move, fast enough to render video."""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial import Delaunay

COARSE = 2  # the map from target to source is drawn at half size and enlarged: it is smooth between the points
SUBPIXEL_BITS = 4  # of cv2's fixed-point polygon corners
SQUEEZED = 0.12  # a triangle with less than this part of its area is a line

Floats = NDArray[np.floating[Any]]
Points = NDArray[np.float32]
Image = NDArray[np.uint8]


def triangulate(points: Points) -> NDArray[np.int32]:
    """Return the Delaunay triangles of (N, 2) points: (T, 3) indices."""
    return np.asarray(Delaunay(points).simplices, np.int32)


def warp(image: Image, source: Points, target: Points, triangles: NDArray[np.int32]) -> Image:
    """Move the picture's points `source` (N, 2) to `target` (N, 2), px; triangles between them follow affinely.

    Where triangles overlap, those that grew hide those that shrank.
    """
    height, width = image.shape[:2]
    coarse_map = _coarse_map((height // COARSE, width // COARSE), source, target, triangles)
    x_map, y_map = (cv2.resize(axis, (width, height), interpolation=cv2.INTER_LINEAR) for axis in coarse_map)
    return np.asarray(cv2.remap(image, x_map, y_map, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), np.uint8)


def _coarse_map(
    shape: tuple[int, int], source: Points, target: Points, triangles: NDArray[np.int32]
) -> tuple[Points, Points]:
    """(h, w) each: x and y of the source px that each coarse pixel's centre shows."""
    transforms, order = _affine(target[triangles], source[triangles])
    labels = np.zeros(shape, np.int32)
    corners = np.round((target - (COARSE - 1) / 2) / COARSE * (1 << SUBPIXEL_BITS)).astype(np.int32)
    for label in order:
        cv2.fillConvexPoly(labels, corners[triangles[label]], (int(label),), cv2.LINE_8, SUBPIXEL_BITS)
    rows, columns = np.indices(shape, dtype=np.float32) * np.float32(COARSE) + np.float32((COARSE - 1) / 2)
    of_x, to_x, at_x, of_y, to_y, at_y = transforms.reshape(-1, 6).T.take(labels, axis=1)
    return of_x * columns + to_x * rows + at_x, of_y * columns + to_y * rows + at_y


def _affine(target: Points, source: Points) -> tuple[NDArray[np.float32], NDArray[np.intp]]:
    """(T, 2, 3) transforms from target to source triangles (T, 3, 2), and the order to draw them in.

    What is folded over or squeezed to a line shows its centre only and is drawn first, under its neighbours.
    """
    ones = np.ones((*target.shape[:2], 1))
    corners = np.concatenate([target, ones], axis=2).astype(np.float64)
    area, area_before = np.linalg.det(corners), np.linalg.det(np.concatenate([source, ones], axis=2))
    ratio = area / np.where(np.abs(area_before) < 1e-6, np.inf, area_before)
    sound = (ratio > SQUEEZED) & (np.abs(area) > 1e-2)
    transforms = np.zeros((len(target), 2, 3), np.float32)
    transforms[sound] = np.linalg.solve(corners[sound], source[sound]).transpose(0, 2, 1)
    transforms[~sound, :, 2] = source[~sound].mean(axis=1)
    return transforms, np.argsort(np.where(sound, ratio, -1.0), kind="stable")
