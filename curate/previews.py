"""A few seconds of a source, small: what a report shows of a clip that was dropped and so never encoded."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from curate.errors import MediaError
from curate.hosts import host_of
from curate.media import read_audio, read_frames
from curate.media_writing import write_video

LONGEST_S, SIDE_PX, CRF = 4.0, 240, 28


@dataclass(frozen=True, kw_only=True)
class PreviewTask:
    """A span of a local video, and which clip it shows."""

    clip_id: str
    source: Path
    start_s: float
    end_s: float


def local_file(uri: str) -> Path | None:
    """Return the file that a source's uri names, if it is one of this machine that is still there."""
    try:
        return Path(uri) if host_of(uri) is None and Path(uri).is_file() else None
    except OSError:  # a name that this machine's file system can't have
        return None


def write_preview(out: Path, task: PreviewTask) -> None:
    """Write the middle of the span, at most LONGEST_S and SIDE_PX on the longer side; MediaError if there is none."""
    spare_s = max(0.0, task.end_s - task.start_s - LONGEST_S)
    start_s, end_s = task.start_s + spare_s / 2, task.end_s - spare_s / 2
    frames = _pictures(task.source, start_s, end_s)
    first = next(frames, None)
    if first is None:
        raise MediaError("no_frames", f"{task.source} has no picture from {start_s:.1f} to {end_s:.1f} s")
    write_video(out, chain([first], frames), audio=_sound(task.source, start_s, end_s), crf=CRF)


def _pictures(source: Path, start_s: float, end_s: float) -> Iterator[NDArray[np.uint8]]:
    for frame in read_frames(source, start_s=start_s, end_s=end_s):
        picture = frame.small(SIDE_PX)
        yield picture[: picture.shape[0] & ~1, : picture.shape[1] & ~1]


def _sound(source: Path, start_s: float, end_s: float) -> NDArray[np.float32] | None:
    try:
        return read_audio(source, start_s=start_s, end_s=end_s)
    except MediaError:  # a preview without sound still shows the face
        return None
