"""How fast the head turns."""

from evaluate.per_clip import per_clip_result
from evaluate.results import Result
from evaluate.sets import Sets

TITLE = "Head speed"
HIGHER_IS_BETTER = None
FEATURES = ()
SCORERS = ("head_pose",)


def head_speed(sets: Sets) -> Result:
    """Neither high nor low is better: nearer to the reference is."""
    return per_clip_result(
        sets,
        name="head_speed",
        title=TITLE,
        score="head_pose_rotation_speed_deg",
        unit="degrees a frame of 25 fps",
        higher_is_better=HIGHER_IS_BETTER,
        scorer=SCORERS[0],
    )
