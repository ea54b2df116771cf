"""FID as torch-fidelity, and TensorFlow before it, computes it, with an exact root."""

from evaluate.results import Result
from evaluate.set_distance import frechet_result
from evaluate.sets import Sets

TITLE = "FID"
HIGHER_IS_BETTER = False
FEATURES = ("inception_2015",)
SCORERS = ()


def fid_torch_fidelity(sets: Sets) -> Result:
    """Lower is better, 0 for equal sets; torch-fidelity's number from 2048 frames a side (with fewer, it is off)."""
    return frechet_result(sets, name="fid_torch_fidelity", title=TITLE, feature="inception_2015")
