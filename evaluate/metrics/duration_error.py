"""Whether the video is as long as its sound."""

import numpy as np
from numpy.typing import NDArray

from evaluate.per_clip import per_feature_result
from evaluate.results import Result
from evaluate.sets import Sets

TITLE = "Duration error"
HIGHER_IS_BETTER = False
FEATURES = ("lengths",)
SCORERS = ()


def duration_error(sets: Sets) -> Result:
    """Lower is better, in s: the difference of the lengths of pictures and sound; under 0.1 is the codec's padding."""
    return per_feature_result(
        sets,
        name="duration_error",
        title=TITLE,
        unit="s",
        number="absolute difference of the lengths of pictures and sound",
        higher_is_better=HIGHER_IS_BETTER,
        feature=FEATURES[0],
        of=_difference,
    )


def _difference(lengths: NDArray[np.float32]) -> float:
    return abs(float(lengths[0, 0]) - float(lengths[0, 1]))
