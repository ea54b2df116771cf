"""Lip sync distance (LSE-D): how far lips and sound lie apart at their best shift."""

from evaluate.per_clip import per_clip_result
from evaluate.results import Result
from evaluate.sets import Sets

TITLE = "LSE-D"
HIGHER_IS_BETTER = False
FEATURES = ()
SCORERS = ("syncnet",)


def lse_d(sets: Sets) -> Result:
    """Lower is better, about 6 (in sync) to 14, zero padded as papers print it."""
    return per_clip_result(
        sets,
        name="lse_d",
        title=TITLE,
        score="syncnet_reference_distance",
        unit="Euclidean distance of SyncNet's embeddings",
        higher_is_better=HIGHER_IS_BETTER,
        scorer=SCORERS[0],
    )
