"""Whether the generated mouth opens when the real one does, in paired videos."""

from evaluate.per_clip import per_pair_result
from evaluate.results import Result
from evaluate.sets import Sets

TITLE = "Mouth follows"
HIGHER_IS_BETTER = True
FEATURES = ()
SCORERS = ()
PAIRS = ("mouth_correlation",)


def mouth_correlation(sets: Sets) -> Result:
    """Higher is better, up to 1: the mouth's opening against that of the real video of the same speech."""
    return per_pair_result(
        sets,
        name="mouth_correlation",
        title=TITLE,
        score="mouth_correlation_r",
        unit="1",
        higher_is_better=HIGHER_IS_BETTER,
        pair=PAIRS[0],
    )
