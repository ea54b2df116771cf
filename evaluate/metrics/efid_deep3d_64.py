"""E-FID by its likeliest reading: Fréchet distance on Deep3DFaceRecon's 64 expression coefficients."""

from evaluate.results import Result
from evaluate.set_distance import frechet_result
from evaluate.sets import Sets

TITLE = "E-FID (Deep3D)"
HIGHER_IS_BETTER = False
FEATURES = ("expression_deep3d_64",)
SCORERS = ()


def efid_deep3d_64(sets: Sets) -> Result:
    """Lower is better, 0 for equal sets; EMO gives no script: compare only within one checkpoint and protocol."""
    return frechet_result(sets, name="efid_deep3d_64", title=TITLE, feature=FEATURES[0])
