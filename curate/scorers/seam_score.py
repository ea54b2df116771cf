"""Whether the picture jumps at regular distances, as where generated pieces are joined."""

from typing import TypedDict

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from curate.clip_media import ClipMedia

PERIODS = range(8, 65)  # pictures a piece: EMO makes 12 at a time, others 16 to 49
MIN_PERIODS = 3  # in each half: of fewer, every jerk would be a seam
MIN_FRAMES = 2 * MIN_PERIODS * PERIODS[0] + 1
AROUND = 3  # pictures on either side that a change is compared with
STILL = 0.05  # levels of 255, added to every change: between two still pictures, ten times nothing is nothing

Series = NDArray[np.float64]


class SeamScore(TypedDict):
    """`ratio`: how many times more the picture changes at the seams than at the next most restless place of the
    period: 1 is no seam, real clips have 0.6 to 1.2, a visible jump 1.5 to 5. `period_frames`: the likeliest distance
    between seams, at the video's own frame rate, 8 to 64; of a ratio near 1 it means nothing."""

    ratio: float | None
    period_frames: float | None


def seam_score(media: ClipMedia) -> SeamScore:
    """Look for a period and a phase at which successive pictures differ more than around it; lower is better.

    The period is chosen in one half of the clip and its seams are measured in the other, both ways, so that the best of
    2,000 guesses is no better than 1 by chance. A rhythm shorter than 8 pictures (a video of 15 pictures a second shown
    at 30) shows at several places of a period alike, and is no seam. None under 49 pictures.
    """
    change = media.picture_series.coarse_change
    if len(change) < MIN_FRAMES - 1:
        return {"ratio": None, "period_frames": None}
    excess = _excess(change)
    middle = len(excess) // 2
    halves = (excess[:middle], 0), (excess[middle:], middle)
    ratios = [_held_out(chosen, other) for chosen, other in (halves, halves[::-1])]
    period, _, _ = _likeliest(excess, 0)
    return {"ratio": float(np.exp(np.mean(ratios))), "period_frames": float(period)}


def _excess(change: Series) -> Series:
    """The logarithm of each change over the median of those around it."""
    windows = sliding_window_view(np.pad(change, AROUND, mode="edge"), 2 * AROUND + 1)
    around = np.median(np.delete(windows, AROUND, axis=1), axis=1)
    return np.asarray(np.log((change + STILL) / (around + STILL)))


def _held_out(chosen: tuple[Series, int], other: tuple[Series, int]) -> float:
    """How far the likeliest seam of one part stands out in another; a part is its numbers and the first one's place."""
    period, seam, rival = _likeliest(*chosen)
    means = _phase_means(*other, period)
    return float(means[seam] - means[rival])


def _likeliest(excess: Series, first: int) -> tuple[int, int, int]:
    """The period, the phase that stands out most, and the next: by as many standard errors as can be."""
    best, found = -np.inf, (PERIODS[0], 0, 1)
    for period in PERIODS[: max(1, len(excess) // MIN_PERIODS - PERIODS[0] + 1)]:
        means = _phase_means(excess, first, period)
        rival, seam = (int(phase) for phase in np.argsort(means)[-2:])
        surety = (means[seam] - means[rival]) * np.sqrt(len(excess) // period)
        if surety > best:
            best, found = surety, (period, seam, rival)
    return found


def _phase_means(excess: Series, first: int, period: int) -> Series:
    phases = (np.arange(len(excess)) + first) % period
    sums = np.bincount(phases, excess, minlength=period)
    return np.asarray(sums / np.maximum(np.bincount(phases, minlength=period), 1))
