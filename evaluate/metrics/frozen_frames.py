"""How much of the video stands still: pictures that repeat the one before."""

from evaluate.per_clip import per_clip_result
from evaluate.results import Result
from evaluate.sets import Sets

TITLE = "Frozen frames"
HIGHER_IS_BETTER = False
FEATURES = ()
SCORERS = ("frozen_frames",)


def frozen_frames(sets: Sets) -> Result:
    """Lower is better, in [0, 1]: 0 is a new picture every time."""
    return per_clip_result(
        sets,
        name="frozen_frames",
        title=TITLE,
        score="frozen_frames",
        unit="share of the pictures at the video's own frame rate",
        higher_is_better=HIGHER_IS_BETTER,
        scorer=SCORERS[0],
    )
