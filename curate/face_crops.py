"""Face crops as SyncNet and LR-ASD want them: a smoothed square around the lower face of a track, 224 px."""

from pathlib import Path

import cv2
import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from curate.errors import MediaError
from curate.frame import Box, Frame
from curate.media import read_frames
from curate.tracks import Track

# All four from crop_video of joonson/syncnet_python's run_pipeline.py, which TalkNet and LR-ASD took over
CROP_PX = 224
CROP_SCALE = 0.40  # of the face's half side: added left and right, and twice below
SMOOTH_FRAMES = 13
PADDING = 110

MIN_FRAMES = SMOOTH_FRAMES // 2 + 1  # of fewer, the filter's median is one of the zeros it puts beyond the ends


def face_crops(source: Path | bytes, track: Track) -> NDArray[np.uint8]:
    """Return the (F, 224, 224, 3) RGB crops of a track's F frames (at least 7), read in one pass: 3.8 MB a second.

    The reference cuts around S3FD's boxes; here the mesh's hull stands for them as it is. On the six faces of the two
    pictures in the reference's repository its squares (of an earlier detector there) are 0.98 to 1.05 times the hull's,
    1.27 for a profile, and lie 0.02 to 0.12 half sides higher: as one detector differs from the next, so nothing is
    corrected for. Colours are BT.601's whatever the stream says, as by way of the reference's JPEG files.
    Raises MediaError when the video ends before the track does.
    """
    crops = np.empty((len(track), CROP_PX, CROP_PX, 3), np.uint8)
    n_read = 0
    frames = read_frames(source, fps=track.fps, start_s=track.start_s, end_s=track.end_s)
    for crop, window, frame in zip(crops, crop_windows(track.boxes), frames, strict=False):
        crop[:] = cv2.resize(_cut(frame, window), (CROP_PX, CROP_PX))
        n_read += 1
    if n_read < len(track):
        raise MediaError("truncated", f"the video has {n_read} of the track's {len(track)} frames")
    return crops


def crop_windows(boxes: NDArray[np.float32]) -> NDArray[np.int64]:
    """Return (F, 4) left, top, right, bottom in px of the picture, which they may leave, for the boxes (F, 4)."""
    left, top, right, bottom = boxes.astype(np.float64).T
    half = _smoothed(np.maximum(right - left, bottom - top) / 2)
    x, y = _smoothed((left + right) / 2), _smoothed((top + bottom) / 2)
    across, below = half * (1 + CROP_SCALE), half * (1 + 2 * CROP_SCALE)
    edges = np.floor(np.stack([x - across, y - half, x + across, y + below], axis=1))
    return np.asarray(edges, np.int64)


def _smoothed(series: NDArray[np.float64]) -> NDArray[np.float64]:
    """The running median, with zeros beyond the ends: so does scipy's medfilt, which the reference uses."""
    padded = np.pad(series, SMOOTH_FRAMES // 2)
    return np.asarray(np.median(sliding_window_view(padded, SMOOTH_FRAMES), axis=1))


def _cut(frame: Frame, window: NDArray[np.int64]) -> NDArray[np.uint8]:
    """Return the window of a picture, grey where it leaves the picture."""
    left, top, right, bottom = (int(edge) for edge in window)
    cut = np.full((bottom - top, right - left, 3), PADDING, np.uint8)
    region, box = frame.region(Box(left=left, top=top, right=right, bottom=bottom))
    rows = slice(max(top - box.top, 0), max(bottom - box.top, 0))
    columns = slice(max(left - box.left, 0), max(right - box.left, 0))
    inside = region[rows, columns]
    cut[max(-top, 0) :, max(-left, 0) :][: inside.shape[0], : inside.shape[1]] = inside
    return cut
