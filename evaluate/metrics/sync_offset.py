"""By how much the sound comes late or early, by SyncNet: the mean size of the offset."""

from evaluate.per_clip import offset_result
from evaluate.results import Result
from evaluate.sets import Sets

TITLE = "Sync offset"
HIGHER_IS_BETTER = False
FEATURES = ()
SCORERS = ("syncnet",)


def sync_offset(sets: Sets) -> Result:
    """Lower is better, 0 to 0.6 s; without zero padding. The clips' columns have the sign: above 0 is late."""
    return offset_result(
        sets,
        name="sync_offset",
        title=TITLE,
        score="syncnet_offset_s",
        scorer=SCORERS[0],
        note="the offset of a clip with a low confidence is a guess: read it beside LSE-C",
    )
