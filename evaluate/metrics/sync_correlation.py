"""How well the mouth follows the voice: the mean over clips of curate's sync correlation."""

from evaluate.per_clip import per_clip_result
from evaluate.results import Result
from evaluate.sets import Sets

TITLE = "Lip sync"
HIGHER_IS_BETTER = True
FEATURES = ()
SCORERS = ("sync_correlation",)


def sync_correlation(sets: Sets) -> Result:
    """Higher is better, in [-1, 1]; a best-over-lags correlation, so unrelated sound gives more than 0."""
    return per_clip_result(
        sets,
        name="sync_correlation",
        title=TITLE,
        score="sync_correlation_peak",
        unit="Pearson's correlation at the best lag",
        higher_is_better=HIGHER_IS_BETTER,
        scorer=SCORERS[0],
    )
