"""How far the head moves about."""

from evaluate.per_clip import per_clip_result
from evaluate.results import Result
from evaluate.sets import Sets

TITLE = "Head motion"
HIGHER_IS_BETTER = None
FEATURES = ()
SCORERS = ("head_motion",)


def head_motion(sets: Sets) -> Result:
    """Neither high nor low is better: nearer to the reference is."""
    return per_clip_result(
        sets,
        name="head_motion",
        title=TITLE,
        score="head_motion_range_deg",
        unit="degrees, 5th to 95th percentile, root of the sum of squares of yaw, pitch and roll",
        higher_is_better=HIGHER_IS_BETTER,
        scorer=SCORERS[0],
    )
