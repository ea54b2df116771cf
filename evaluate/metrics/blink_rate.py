"""How often the eyes blink."""

import numpy as np
from numpy.typing import NDArray

from curate.media import CORPUS_FPS
from evaluate.blinks import BASELINE_S, CLOSING, LONGEST_S, blinks
from evaluate.per_clip import per_feature_result
from evaluate.results import Result
from evaluate.sets import Sets

TITLE = "Blink rate"
HIGHER_IS_BETTER = None
FEATURES = ("eye_blink",)
SCORERS = ()


def blink_rate(sets: Sets) -> Result:
    """Blinks a minute: neither high nor low is better, nearer to the reference is; people who talk have 10 to 40."""
    return per_feature_result(
        sets,
        name="blink_rate",
        title=TITLE,
        unit="blinks a minute of a seen face",
        number=f"rises of {CLOSING} over the running median of {BASELINE_S} s that last at most {LONGEST_S} s",
        higher_is_better=HIGHER_IS_BETTER,
        feature=FEATURES[0],
        of=_a_minute,
    )


def _a_minute(closed: NDArray[np.float32]) -> float | None:
    seen_min = float(np.isfinite(closed).sum()) / (60 * CORPUS_FPS)
    return blinks(closed[:, 0]) / seen_min if seen_min else None
