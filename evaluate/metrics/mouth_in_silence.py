"""Whether the mouth moves where the sound is silent, against how much it moves in speech."""

from evaluate.per_clip import per_clip_result
from evaluate.results import Result
from evaluate.sets import Sets

TITLE = "Mouth in silence"
HIGHER_IS_BETTER = False
FEATURES = ()
SCORERS = ("mouth_in_silence",)


def mouth_in_silence(sets: Sets) -> Result:
    """Lower is better: 0 is a mouth that rests while nobody speaks, 1 one that goes on talking."""
    return per_clip_result(
        sets,
        name="mouth_in_silence",
        title=TITLE,
        score="mouth_in_silence",
        unit="aperture's standard deviation in silence over that in speech",
        higher_is_better=HIGHER_IS_BETTER,
        scorer=SCORERS[0],
    )
