"""How much of the video shows no face that could be followed."""

import numpy as np
from numpy.typing import NDArray

from evaluate.per_clip import per_feature_result
from evaluate.results import Result
from evaluate.sets import Sets

TITLE = "Face lost"
HIGHER_IS_BETTER = False
FEATURES = ("face_presence",)
SCORERS = ()


def face_lost(sets: Sets) -> Result:
    """Lower is better, in [0, 1]: 0 is a face on every frame, 1 a video without any."""
    return per_feature_result(
        sets,
        name="face_lost",
        title=TITLE,
        unit="share of the video's frames",
        number="frames on which the longest face track has no detected face",
        higher_is_better=HIGHER_IS_BETTER,
        feature=FEATURES[0],
        of=_lost,
    )


def _lost(found: NDArray[np.float32]) -> float | None:
    return 1.0 - float(np.mean(found, dtype=np.float64)) if len(found) else None
