"""How far the generated mouth's landmarks lie from the real one's, in paired videos."""

from evaluate.per_clip import per_pair_result
from evaluate.results import Result
from evaluate.sets import Sets

TITLE = "Mouth landmarks"
HIGHER_IS_BETTER = False
FEATURES = ()
SCORERS = ()
PAIRS = ("landmark_distance",)


def landmark_distance(sets: Sets) -> Result:
    """Lower is better: the mouth's distance (M-LMD); the whole face's is in the clips' columns."""
    return per_pair_result(
        sets,
        name="landmark_distance",
        title=TITLE,
        score="landmark_distance_mouth",
        unit="px of a 256 px crop",
        higher_is_better=HIGHER_IS_BETTER,
        pair=PAIRS[0],
    )
