"""FID as clean-fid computes it in its mode `clean`, with an exact root in place of its approximate one."""

from evaluate.results import Result
from evaluate.set_distance import frechet_result
from evaluate.sets import Sets

TITLE = "FID (clean-fid)"
HIGHER_IS_BETTER = False
FEATURES = ("inception_clean_fid",)
SCORERS = ()


def fid_clean_fid(sets: Sets) -> Result:
    """Lower is better, 0 for equal sets; comparable with no FID of another resize."""
    return frechet_result(sets, name="fid_clean_fid", title=TITLE, feature="inception_clean_fid")
