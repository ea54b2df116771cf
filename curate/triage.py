"""Says cheaply that a source can't give a clip, from its header and its keyframes alone."""

from pathlib import Path

from curate.face_finder import SMALL_PX, Detector, FaceFinder
from curate.faces.blazeface import blazeface
from curate.media import Limits, probe, read_frames

LOOK_FPS = 2  # keyframes closer together than this aren't all looked at


def triage(
    media: Path | bytes,
    *,
    needs_audio: bool,
    max_gap_s: float,
    detector: Detector = blazeface,
    detector_px: int = SMALL_PX,
    min_mesh_confidence: float = 0.5,
    limits: Limits | None = None,
) -> str | None:
    """Return `no_audio` or `no_face_in_keyframes`, or None when the whole has to be looked at.

    Encoders begin a shot with a keyframe, so a face that stays for the shot is on it. Where keyframes lie further apart
    than `max_gap_s`, they prove nothing. The first face found ends the look. Raises MediaError as the whole pass does.
    """
    info = probe(media, limits=limits)
    if needs_audio and not info.has_audio:
        return "no_audio"
    finder = FaceFinder(detector, detector_px=detector_px, min_confidence=min_mesh_confidence, detect_every=1)
    last, shown_s = None, 0.0
    for frame in read_frames(media, fps=LOOK_FPS, keyframes_only=True, limits=limits):
        if frame.decoded is not last:
            if finder.find(frame, frame.small(SMALL_PX)):
                return None
            last, shown_s = frame.decoded, frame.index / LOOK_FPS
        if frame.index / LOOK_FPS - shown_s > max_gap_s:
            return None
    end_s = info.duration_s if info.duration_s is not None else float("inf")
    return "no_face_in_keyframes" if last is not None and end_s - shown_s <= max_gap_s else None
