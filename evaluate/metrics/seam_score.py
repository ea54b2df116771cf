"""Whether the picture jumps at regular distances, as where generated pieces are joined."""

from evaluate.per_clip import per_clip_result
from evaluate.results import Result
from evaluate.sets import Sets

TITLE = "Seams"
HIGHER_IS_BETTER = False
FEATURES = ()
SCORERS = ("seam_score",)


def seam_score(sets: Sets) -> Result:
    """Lower is better: 1 is no seam, and under 1 is nothing better (real clips have 0.6 to 1.2)."""
    return per_clip_result(
        sets,
        name="seam_score",
        title=TITLE,
        score="seam_score_ratio",
        unit="change at the seams over that at the period's next most restless place",
        higher_is_better=HIGHER_IS_BETTER,
        scorer=SCORERS[0],
    )
