"""How far the picture's mean colour is from the beginning's at the end."""

from evaluate.per_clip import per_clip_result
from evaluate.results import Result
from evaluate.sets import Sets

TITLE = "Colour drift"
HIGHER_IS_BETTER = False
FEATURES = ()
SCORERS = ("colour_drift",)


def colour_drift(sets: Sets) -> Result:
    """Lower is better: 0 is none, 2 just seen, 10 another picture."""
    return per_clip_result(
        sets,
        name="colour_drift",
        title=TITLE,
        score="colour_drift_last_to_first",
        unit="CIELAB difference (CIE 1976) of last and first second",
        higher_is_better=HIGHER_IS_BETTER,
        scorer=SCORERS[0],
    )
