"""Whether the face is taken for the source of the voice, by LR-ASD."""

from evaluate.per_clip import per_clip_result
from evaluate.results import Result
from evaluate.sets import Sets

TITLE = "Active speaker"
HIGHER_IS_BETTER = True
FEATURES = ()
SCORERS = ("active_speaker",)


def active_speaker(sets: Sets) -> Result:
    """Higher is better, about -5 to 4; no judge of sync, but of whether this face would be taken for the speaker."""
    return per_clip_result(
        sets,
        name="active_speaker",
        title=TITLE,
        score="active_speaker_score",
        unit="mean logit of LR-ASD",
        higher_is_better=HIGHER_IS_BETTER,
        scorer=SCORERS[0],
    )
