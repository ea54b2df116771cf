"""KID: squared maximum mean discrepancy under a cubic kernel, on FID's Inception (Binkowski et al. 2018)."""

from evaluate.results import Result
from evaluate.set_distance import kid_result
from evaluate.sets import Sets

TITLE = "KID"
HIGHER_IS_BETTER = False
FEATURES = ("inception_2015",)
SCORERS = ()


def kid_inception_2015(sets: Sets) -> Result:
    """Lower is better; unbiased, so it is about 0, and may be below, for sets of one distribution."""
    return kid_result(sets, name="kid_inception_2015", title=TITLE, feature="inception_2015")
