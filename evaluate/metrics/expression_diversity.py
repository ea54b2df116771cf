"""How much the expression changes over time."""

from evaluate.per_clip import per_clip_result
from evaluate.results import Result
from evaluate.sets import Sets

TITLE = "Expression diversity"
HIGHER_IS_BETTER = None
FEATURES = ()
SCORERS = ("expression_diversity",)


def expression_diversity(sets: Sets) -> Result:
    """Neither high nor low is better: nearer to the reference is; a still face has about 0.005."""
    return per_clip_result(
        sets,
        name="expression_diversity",
        title=TITLE,
        score="expression_diversity",
        unit="mean standard deviation of 21 lengths of the mesh, in upper-face heights",
        higher_is_better=HIGHER_IS_BETTER,
        scorer=SCORERS[0],
    )
