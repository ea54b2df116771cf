"""The one decoding pass over a video: shots, face tracks and every per-frame number that scorers read."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from curate import mesh as face_mesh
from curate.errors import MediaError
from curate.faces.blazeface import blazeface
from curate.faces.detections import Detections
from curate.media import CORPUS_FPS, Frame, Limits, VideoInfo, probe, read_frames
from curate.shots import ShotDetector
from curate.tracks import Face, Track, Tracker

ANALYSIS_WIDTH_PX = 640
MAX_FACES = 8  # a frame: a crowd is counted, not tracked to the last
SHARPNESS_PX = 256

Detector = Callable[[NDArray[np.uint8]], Detections]


@dataclass(frozen=True, kw_only=True, eq=False)
class Analysis:
    """What one pass found: `cuts` are grid indexes where a shot begins, `faces_per_frame` is (K,) for K grid frames."""

    info: VideoInfo
    fps: int
    n_frames: int
    cuts: tuple[int, ...]
    tracks: tuple[Track, ...]
    faces_per_frame: NDArray[np.int16]


def analyse(
    media: Path | bytes,
    *,
    detector: Detector = blazeface,
    min_mesh_confidence: float = 0.5,
    max_gap_s: float = 0.4,
    min_track_s: float = 0.5,
    adaptive_threshold: float = 3.5,
    min_shot_s: float = 0.6,
    limits: Limits | None = None,
) -> Analysis:
    """Analyse a video in one streaming pass (about 10 MB of numbers an hour and face).

    Raises MediaError when it can't be decoded, or ends well before its declared end (`truncated`).
    """
    info = probe(media, limits=limits)
    shots = ShotDetector(fps=CORPUS_FPS, adaptive_threshold=adaptive_threshold, min_shot_s=min_shot_s)
    tracker = Tracker(fps=CORPUS_FPS, max_gap_s=max_gap_s)
    counts: list[int] = []
    for frame in read_frames(media, width=ANALYSIS_WIDTH_PX, limits=limits):
        shots.feed(frame.index, frame.image)
        faces = _faces(frame, detector, min_mesh_confidence)
        tracker.feed(frame.index, faces)
        counts.append(len(faces))
    _check_whole(info, len(counts) / CORPUS_FPS)
    cuts = shots.cuts()
    return Analysis(
        info=info,
        fps=CORPUS_FPS,
        n_frames=len(counts),
        cuts=cuts,
        tracks=tracker.tracks(cuts=cuts, min_s=min_track_s),
        faces_per_frame=np.asarray(counts, np.int16),
    )


def _faces(frame: Frame, detector: Detector, min_confidence: float) -> list[Face]:
    found = detector(frame.image)
    meshes = [
        face_mesh.mesh(frame.image, box=box, keypoints=keypoints)
        for box, keypoints in zip(found.boxes[:MAX_FACES], found.keypoints[:MAX_FACES], strict=True)
    ]
    sure = [mesh for mesh in meshes if mesh.confidence >= min_confidence]
    if not sure:
        return []
    luma = frame.luma()
    return [_face(mesh, luma, scale=luma.shape[1] / frame.image.shape[1]) for mesh in sure]


def _face(mesh: face_mesh.Mesh, luma: NDArray[np.uint8], *, scale: float) -> Face:
    points = mesh.points
    box = face_mesh.hull_box(points) * np.float32(scale)
    return Face(
        box=box,
        points=face_mesh.five_points(points) * np.float32(scale),
        rotation=face_mesh.rotation(points).astype(np.float32),
        pose_deg=np.asarray(face_mesh.head_pose_deg(points), np.float32),
        mouth_aperture=face_mesh.mouth_aperture(points),
        mouth_width=face_mesh.mouth_width(points),
        eye_openness=face_mesh.eye_openness(points),
        confidence=mesh.confidence,
        sharpness=face_sharpness(luma, box),
    )


def face_sharpness(luma: NDArray[np.uint8], box: NDArray[np.float32]) -> float:
    """Variance of the Laplacian of the face's (H, W) brightness brought to 256 px: 0 is flat, higher is sharper.

    The fixed size makes faces of all sizes comparable: a small face blown up is as blurred as it will look in the crop.
    """
    left, top = (max(0, int(v)) for v in box[:2])
    right, bottom = int(np.ceil(box[2])), int(np.ceil(box[3]))
    face = luma[top:bottom, left:right]
    if min(face.shape) < 2:
        return 0.0
    resized = cv2.resize(face, (SHARPNESS_PX, SHARPNESS_PX), interpolation=cv2.INTER_LINEAR)
    return float(cv2.Laplacian(resized, cv2.CV_32F).var())


def _check_whole(info: VideoInfo, decoded_s: float) -> None:
    if info.duration_s is not None and decoded_s < info.duration_s - max(1.0, 0.1 * info.duration_s):
        raise MediaError(
            "truncated", f"the video ends after {decoded_s:.1f} s of {info.duration_s:.1f} s declared: it is cut off"
        )
