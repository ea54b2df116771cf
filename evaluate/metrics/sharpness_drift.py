"""How much sharper or more blurred the face is at the end than at the beginning."""

from evaluate.per_clip import per_clip_result
from evaluate.results import Result
from evaluate.sets import Sets

TITLE = "Sharpness drift"
HIGHER_IS_BETTER = False
FEATURES = ()
SCORERS = ("sharpness_drift",)


def sharpness_drift(sets: Sets) -> Result:
    """Lower is better: 0 is none, 0.69 half as sharp in the last second as in the first, or twice."""
    return per_clip_result(
        sets,
        name="sharpness_drift",
        title=TITLE,
        score="sharpness_drift_size",
        unit="absolute natural logarithm of last second over first",
        higher_is_better=HIGHER_IS_BETTER,
        scorer=SCORERS[0],
    )
