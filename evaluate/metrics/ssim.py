"""How alike generated and real pictures are in structure: SSIM of paired videos."""

from evaluate.per_clip import per_pair_result
from evaluate.results import Result
from evaluate.sets import Sets

TITLE = "SSIM"
HIGHER_IS_BETTER = True
FEATURES = ()
SCORERS = ()
PAIRS = ("ssim",)


def ssim(sets: Sets) -> Result:
    """Higher is better, up to 1; only for videos of one and the same speech."""
    return per_pair_result(
        sets,
        name="ssim",
        title=TITLE,
        score="ssim_mean",
        unit="1",
        higher_is_better=HIGHER_IS_BETTER,
        pair=PAIRS[0],
    )
