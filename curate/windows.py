"""Chooses the windows of a face track that become clips: whole faces that look our way, cut where the mouth rests."""

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from curate.tracks import Track

WINDOW_COST = 15.0  # in good frames: fewer, longer windows are better
OPEN_MOUTH_COST = 10.0  # a cut at the widest-open mouth: most likely in the middle of a word
WHOLE = 0.95  # share of the mesh inside the picture: its hairline trembles at the edge
BAD_FRAME = -2.0  # a bad frame outweighs two good ones


def choose_windows(track: Track, *, min_clip_s: float, max_clip_s: float, max_yaw_deg: float = 60.0) -> list[Track]:
    """Return the parts of a track, in order and without a gap: the chosen windows, and what lies between them.

    The windows, each of `min_clip_s` to `max_clip_s`, hold as many good frames and as few bad ones as can be. A frame
    is good when the face was seen, is whole and within `max_yaw_deg` of the camera. What lies between is kept too, in
    parts of at most `max_clip_s`, so that its scores say why it was left out.
    """
    shortest, longest = round(min_clip_s * track.fps), round(max_clip_s * track.fps)
    spans = _best_windows(_frame_values(track, max_yaw_deg), _cut_costs(track), shortest=shortest, longest=longest)
    edges = [0, *(edge for span in spans for edge in span), len(track)]
    return [
        track.part(begin, end)
        for part_begin, part_end in pairwise(edges)
        for begin, end in _equal_parts(part_begin, part_end, longest)
    ]


def _frame_values(track: Track, max_yaw_deg: float) -> NDArray[np.float64]:
    """(F,) 1 for a good frame, BAD_FRAME for another."""
    good = (track.confidence > 0) & (track.completeness >= WHOLE) & (np.abs(track.pose_deg[:, 0]) <= max_yaw_deg)
    return np.where(good, 1.0, BAD_FRAME)


def _cut_costs(track: Track) -> NDArray[np.float64]:
    """(F + 1,) what it costs to cut before each frame (and after the last); the track's own ends are free."""
    widest = max(float(track.mouth_aperture.max()), 1e-6)
    costs = np.append(track.mouth_aperture, 0.0).astype(np.float64) / widest * OPEN_MOUTH_COST
    costs[[0, -1]] = 0.0
    return costs


def _best_windows(
    values: NDArray[np.float64], cut_costs: NDArray[np.float64], *, shortest: int, longest: int
) -> list[tuple[int, int]]:
    """Return the windows [begin, end) of greatest total worth, by dynamic programming over their ends."""
    total = np.concatenate([[0.0], np.cumsum(values)])
    n = len(values)
    worth = np.zeros(n + 1)  # of the best windows that end at or before each frame
    begins = np.full(n + 1, -1)
    gain = np.zeros(n + 1)  # worth of beginning a window at a frame, less what lies before it
    for end in range(n + 1):
        if end:
            worth[end] = worth[end - 1]
        if end >= shortest:
            first = max(0, end - longest)
            begin = first + int(np.argmax(gain[first : end - shortest + 1]))
            with_window = gain[begin] + total[end] - WINDOW_COST - cut_costs[end]
            if with_window > worth[end]:
                worth[end], begins[end] = with_window, begin
        gain[end] = worth[end] - total[end] - cut_costs[end]
    return _traced(begins)


def _traced(begins: NDArray[np.int_]) -> list[tuple[int, int]]:
    spans = []
    end = len(begins) - 1
    while end > 0:
        if begins[end] < 0:
            end -= 1
            continue
        spans.append((int(begins[end]), end))
        end = int(begins[end])
    return spans[::-1]


def _equal_parts(begin: int, end: int, longest: int) -> list[tuple[int, int]]:
    if begin == end:
        return []
    n_parts = -(-(end - begin) // longest)
    bounds = np.linspace(begin, end, n_parts + 1).round().astype(int)
    return [(int(a), int(b)) for a, b in pairwise(bounds)]
