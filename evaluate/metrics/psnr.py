"""How near the generated pixels are to the real ones: peak signal-to-noise ratio of paired videos."""

from evaluate.per_clip import per_pair_result
from evaluate.results import Result
from evaluate.sets import Sets

TITLE = "PSNR"
HIGHER_IS_BETTER = True
FEATURES = ()
SCORERS = ()
PAIRS = ("psnr",)


def psnr(sets: Sets) -> Result:
    """Higher is better: 20 to 40 dB, and 100 for equal videos; only for videos of one and the same speech."""
    return per_pair_result(
        sets,
        name="psnr",
        title=TITLE,
        score="psnr_mean",
        unit="dB",
        higher_is_better=HIGHER_IS_BETTER,
        pair=PAIRS[0],
    )
