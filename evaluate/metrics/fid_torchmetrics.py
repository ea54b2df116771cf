"""FID as torchmetrics computes it by default since 1.8 (antialiased), with an exact root."""

from evaluate.results import Result
from evaluate.set_distance import frechet_result
from evaluate.sets import Sets

TITLE = "FID (torchmetrics)"
HIGHER_IS_BETTER = False
FEATURES = ("inception_torchmetrics",)
SCORERS = ()


def fid_torchmetrics(sets: Sets) -> Result:
    """Lower is better, 0 for equal sets; comparable with no FID of another resize."""
    return frechet_result(sets, name="fid_torchmetrics", title=TITLE, feature="inception_torchmetrics")
