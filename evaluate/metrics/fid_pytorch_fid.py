"""FID as pytorch-fid computes it, with an exact root in place of its approximate one."""

from evaluate.results import Result
from evaluate.set_distance import frechet_result
from evaluate.sets import Sets

TITLE = "FID (pytorch-fid)"
HIGHER_IS_BETTER = False
FEATURES = ("inception_pytorch_fid",)
SCORERS = ()


def fid_pytorch_fid(sets: Sets) -> Result:
    """Lower is better, 0 for equal sets; pytorch-fid's number from 2048 frames a side (with fewer, it is off)."""
    return frechet_result(sets, name="fid_pytorch_fid", title=TITLE, feature="inception_pytorch_fid")
