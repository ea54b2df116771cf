"""Whether the lips do what the sound predicts of them, without looking for a better lag."""

from evaluate.per_clip import per_clip_result
from evaluate.results import Result
from evaluate.sets import Sets

TITLE = "Lip sync in place"
HIGHER_IS_BETTER = True
FEATURES = ()
SCORERS = ("sync_in_place",)


def sync_in_place(sets: Sets) -> Result:
    """Higher is better, in [-1, 1]: speech in sync has 0.25 to 0.6, sound that is unrelated or 0.3 s off under 0.2."""
    return per_clip_result(
        sets,
        name="sync_in_place",
        title=TITLE,
        score="sync_in_place",
        unit="best correlation of predicted and seen lips within 80 ms",
        higher_is_better=HIGHER_IS_BETTER,
        scorer=SCORERS[0],
    )
