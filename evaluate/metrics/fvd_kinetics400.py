"""FVD with windows spread over each clip: Fréchet distance on I3D's Kinetics-400 logits."""

from evaluate.results import Result
from evaluate.set_distance import frechet_result
from evaluate.sets import Sets

TITLE = "FVD"
HIGHER_IS_BETTER = False
FEATURES = ("i3d_kinetics400",)
SCORERS = ()


def fvd_kinetics400(sets: Sets) -> Result:
    """Lower is better, 0 for equal sets; FVD's network on our choice of windows, so comparable only with itself."""
    return frechet_result(sets, name="fvd_kinetics400", title=TITLE, feature=FEATURES[0])
