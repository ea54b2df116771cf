"""Finds the faces of successive frames: the detector now and then, the mesh's own last place in between."""

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from curate import mesh as face_mesh
from curate.boxes import area, shared_area
from curate.faces.detections import Detections
from curate.frame import Box, Frame
from curate.mesh import Mesh, Roi

MAX_FACES = 8  # a frame: a crowd is counted, not tracked to the last
SMALL_PX = 256  # the picture that detectors and the shot detector share
SAME_FACE = 0.4  # two meshes whose boxes overlap more (over the smaller) lie on one face

Detector = Callable[[NDArray[np.uint8]], Detections]


class FaceFinder:
    """Fits a mesh to every face of a stream of frames.

    As MediaPipe does it, a face is looked for where its mesh was in the last frame; the detector, which costs twice as
    much, looks for new faces every `detect_every` frames and whenever one was lost (a cut loses all of them).
    """

    def __init__(
        self, detector: Detector, *, detector_px: int = SMALL_PX, min_confidence: float = 0.5, detect_every: int = 5
    ) -> None:
        self._detector = detector
        self._detector_px = detector_px
        self._min_confidence = min_confidence
        self._detect_every = detect_every
        self._rois: list[Roi] = []
        self._fed = 0

    def find(self, frame: Frame, small: NDArray[np.uint8]) -> list[Mesh]:
        """Return the meshes in px of the frame; `small` is the whole picture brought to SMALL_PX or less."""
        found = _distinct([mesh for roi in self._rois if self._sure(mesh := fit(frame, roi))])
        if len(found) < len(self._rois) or self._fed % self._detect_every == 0:
            found = self._with_new(found, frame, small)
        self._fed += 1
        self._rois = [face_mesh.roi_of_mesh(mesh.points) for mesh in found]
        return found

    def _with_new(self, known: list[Mesh], frame: Frame, small: NDArray[np.uint8]) -> list[Mesh]:
        picture = small if self._detector_px <= SMALL_PX else frame.small(self._detector_px)
        scale = np.float32(frame.width / picture.shape[1])
        detected = self._detector(picture)
        for box, keypoints in zip(detected.boxes * scale, detected.keypoints * scale, strict=True):
            if len(known) == MAX_FACES:
                break
            if _is_another(box, known):
                mesh = fit(frame, face_mesh.roi_of_detection(box, keypoints))
                known = _distinct([*known, mesh]) if self._sure(mesh) else known
        return known

    def _sure(self, mesh: Mesh) -> bool:
        return mesh.confidence >= self._min_confidence


def fit(frame: Frame, roi: Roi) -> Mesh:
    """Fit the mesh to a square of the frame, of which only that part is brought into colour; points in px."""
    reach = roi.side * 0.5 * (abs(np.cos(np.radians(roi.angle_deg))) + abs(np.sin(np.radians(roi.angle_deg)))) + 2
    left, top, right, bottom = int(roi.x - reach), int(roi.y - reach), int(roi.x + reach), int(roi.y + reach)
    image, box = frame.region(Box(left=left, top=top, right=right, bottom=bottom))
    shrink = max(1, int(roi.side / face_mesh.INPUT_PX))
    if shrink > 1:  # a bilinear warp that skips pixels aliases
        size = (max(1, image.shape[1] // shrink), max(1, image.shape[0] // shrink))
        image = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
    mesh = face_mesh.fit(
        image,
        Roi(
            x=(roi.x - box.left) / shrink,
            y=(roi.y - box.top) / shrink,
            side=roi.side / shrink,
            angle_deg=roi.angle_deg,
        ),
    )
    points = mesh.points * np.float32(shrink)
    points[:, :2] += np.array([box.left, box.top], np.float32)
    return Mesh(points=points, confidence=mesh.confidence)


def _distinct(meshes: list[Mesh]) -> list[Mesh]:
    """Leave out every mesh that lies on the face of an earlier one."""
    kept: list[Mesh] = []
    for mesh in meshes:
        if _is_another(face_mesh.hull_box(mesh.points), kept):
            kept.append(mesh)
    return kept


def _is_another(box: NDArray[np.float32], known: list[Mesh]) -> bool:
    """Whether a face's box lies on none of the known faces."""
    others = [face_mesh.hull_box(mesh.points) for mesh in known]
    return all(shared_area(box, other) / max(min(area(box), area(other)), 1e-6) < SAME_FACE for other in others)
