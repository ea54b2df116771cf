"""By how much the sound comes late or early, where the embedded ridge regression can tell: the mean size of the lag."""

from evaluate.per_clip import offset_result
from evaluate.results import Result
from evaluate.sets import Sets

TITLE = "Sync lag"
HIGHER_IS_BETTER = False
FEATURES = ()
SCORERS = ("sync_ridge",)


def sync_lag(sets: Sets) -> Result:
    """Lower is better, 0 to 0.8 s; under 0.12 is no lag that could be told from none. Columns: above 0 is late."""
    return offset_result(
        sets,
        name="sync_lag",
        title=TITLE,
        score="sync_ridge_offset_s",
        scorer=SCORERS[0],
        note="only of clips whose lag is sure: read its coverage, and lip sync in place, beside it",
    )
