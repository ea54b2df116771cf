"""Lip sync confidence (LSE-C): how much better lips and sound agree at their best shift than at the others."""

from evaluate.per_clip import per_clip_result
from evaluate.results import Result
from evaluate.sets import Sets

TITLE = "LSE-C"
HIGHER_IS_BETTER = True
FEATURES = ()
SCORERS = ("syncnet",)


def lse_c(sets: Sets) -> Result:
    """Higher is better, 0 to about 10: how sure SyncNet is of the sync, zero padded as papers print it."""
    return per_clip_result(
        sets,
        name="lse_c",
        title=TITLE,
        score="syncnet_reference_confidence",
        unit="median less least distance of SyncNet's embeddings",
        higher_is_better=HIGHER_IS_BETTER,
        scorer=SCORERS[0],
        notes=("a short clip scores higher than a long one: compare clips of one length",),
    )
