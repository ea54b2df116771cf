"""The one decoding pass over a video: shots, face tracks and every per-frame number that scorers read."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from curate import mesh as face_mesh
from curate.camera import CameraMotion
from curate.errors import MediaError
from curate.expression import expression_vector
from curate.face_finder import SMALL_PX, Detector, FaceFinder
from curate.faces.blazeface import blazeface
from curate.frame import Box, Frame
from curate.media import CORPUS_FPS, Limits, VideoInfo, probe, read_frames
from curate.shots import ShotDetector
from curate.tracks import Face, Track, Tracker

SHARPNESS_PX = 256


@dataclass(frozen=True, kw_only=True, eq=False)
class Analysis:
    """What one pass found in the K grid frames from `first` on.

    `cuts` are grid indexes where a shot begins; `faces_per_frame` (K,); `camera_speed` (K,) percent of the picture's
    longer side a second, nan where it can't be told; `packets_sha256` is of the video stream's packets, which survive
    another container or other metadata.
    """

    info: VideoInfo
    fps: int
    first: int
    n_frames: int
    cuts: tuple[int, ...]
    tracks: tuple[Track, ...]
    faces_per_frame: NDArray[np.int16]
    camera_speed: NDArray[np.float32]
    packets_sha256: str


def analyse(
    media: Path | bytes,
    *,
    start_s: float | None = None,
    end_s: float | None = None,
    detector: Detector = blazeface,
    detector_px: int = SMALL_PX,
    detect_every: int = 5,
    min_mesh_confidence: float = 0.5,
    max_gap_s: float = 0.4,
    min_track_s: float = 0.5,
    adaptive_threshold: float = 3.5,
    min_shot_s: float = 0.6,
    limits: Limits | None = None,
) -> Analysis:
    """Analyse a video, or its span [start_s, end_s), in one streaming pass (about 21 MB of numbers an hour and face).

    Raises MediaError when it can't be decoded, or ends well before its declared end (`truncated`).
    """
    info = probe(media, limits=limits)
    first = round((start_s or 0.0) * CORPUS_FPS)
    shots = ShotDetector(fps=CORPUS_FPS, adaptive_threshold=adaptive_threshold, min_shot_s=min_shot_s)
    finder = FaceFinder(
        detector, detector_px=detector_px, min_confidence=min_mesh_confidence, detect_every=detect_every
    )
    tracker = Tracker(fps=CORPUS_FPS, max_gap_s=max_gap_s)
    camera = CameraMotion(fps=CORPUS_FPS)
    packets = hashlib.sha256()
    counts: list[int] = []
    frames = read_frames(media, start_s=start_s or 0.0, end_s=end_s, on_packet=packets.update, limits=limits)
    shown: Frame | None = None
    small, faces = np.empty((0, 0, 3), np.uint8), list[Face]()
    for frame in frames:
        if shown is None or frame.decoded is not shown.decoded:  # else a picture that is held, at a low frame rate
            small = frame.small(SMALL_PX)
            faces = [_face(mesh, frame) for mesh in finder.find(frame, small)]
        shown = frame
        shots.feed(frame.index, small)
        tracker.feed(frame.index, faces)
        camera.feed(frame.index - first, small, _boxes(faces) * (small.shape[1] / frame.width))
        counts.append(len(faces))
    _check_whole(info, start_s or 0.0, end_s, len(counts) / CORPUS_FPS)
    cuts = shots.cuts()
    return Analysis(
        info=info,
        fps=CORPUS_FPS,
        first=first,
        n_frames=len(counts),
        cuts=cuts,
        tracks=tracker.tracks(cuts=cuts, min_s=min_track_s),
        faces_per_frame=np.asarray(counts, np.int16),
        camera_speed=camera.speeds(len(counts)),
        packets_sha256=packets.hexdigest(),
    )


def _boxes(faces: Iterable[Face]) -> NDArray[np.float32]:
    return np.asarray([face.box for face in faces], np.float32).reshape(-1, 4)


def _face(mesh: face_mesh.Mesh, frame: Frame) -> Face:
    points = mesh.points
    box = face_mesh.hull_box(points)
    left, top, right, bottom = (int(edge) for edge in box)
    luma = frame.luma(Box(left=left, top=top, right=right + 1, bottom=bottom + 1))
    inside = (points[:, :2] >= 0) & (points[:, :2] < (frame.width, frame.height))
    return Face(
        box=box,
        points=face_mesh.five_points(points),
        rotation=face_mesh.rotation(points).astype(np.float32),
        pose_deg=np.asarray(face_mesh.head_pose_deg(points), np.float32),
        mouth_aperture=face_mesh.mouth_aperture(points),
        mouth_width=face_mesh.mouth_width(points),
        eye_openness=face_mesh.eye_openness(points),
        expression=expression_vector(points).astype(np.float32),
        confidence=mesh.confidence,
        sharpness=face_sharpness(luma),
        luminance=float(luma.mean()),
        completeness=float(inside.all(axis=1).mean()),
    )


def face_sharpness(luma: NDArray[np.uint8]) -> float:
    """Variance of the Laplacian of a face's (h, w) brightness brought to 256 px: 0 is flat, higher is sharper.

    The fixed size makes faces of all sizes comparable: a small face blown up is as blurred as it will look in the crop.
    """
    if min(luma.shape) < 2:
        return 0.0
    resized = cv2.resize(luma, (SHARPNESS_PX, SHARPNESS_PX), interpolation=cv2.INTER_LINEAR)
    _, spread = cv2.meanStdDev(cv2.Laplacian(resized, cv2.CV_16S))
    return float(spread[0, 0]) ** 2


def _check_whole(info: VideoInfo, start_s: float, end_s: float | None, decoded_s: float) -> None:
    if info.duration_s is None:
        return
    declared_s = min(end_s or info.duration_s, info.duration_s) - start_s
    if decoded_s < declared_s - max(1.0, 0.1 * declared_s):
        raise MediaError(
            "truncated", f"the video ends after {decoded_s:.1f} s of {declared_s:.1f} s declared: it is cut off"
        )
