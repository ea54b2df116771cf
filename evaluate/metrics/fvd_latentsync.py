"""FVD as LatentSync's script takes it: Fréchet distance on I3D logits of face crops in a wrong range."""

from evaluate.results import Result
from evaluate.set_distance import frechet_result
from evaluate.sets import Sets

TITLE = "FVD (LatentSync)"
HIGHER_IS_BETTER = False
FEATURES = ("i3d_latentsync",)
SCORERS = ()


def fvd_latentsync(sets: Sets) -> Result:
    """Lower is better, 0 for equal sets; comparable with LatentSync's script at most, and with no other FVD."""
    return frechet_result(sets, name="fvd_latentsync", title=TITLE, feature=FEATURES[0])
