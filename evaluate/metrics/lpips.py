"""How different generated and real pictures look: LPIPS of paired videos."""

from evaluate.per_clip import per_pair_result
from evaluate.results import Result
from evaluate.sets import Sets

TITLE = "LPIPS"
HIGHER_IS_BETTER = False
FEATURES = ()
SCORERS = ()
PAIRS = ("lpips",)


def lpips(sets: Sets) -> Result:
    """Lower is better, 0 for equal videos; only for videos of one and the same speech."""
    return per_pair_result(
        sets,
        name="lpips",
        title=TITLE,
        score="lpips_mean",
        unit="1",
        higher_is_better=HIGHER_IS_BETTER,
        pair=PAIRS[0],
    )
