"""How far the generated frames look from the real ones: Fréchet distance on EfficientNet-Lite0 features."""

from evaluate.results import Result
from evaluate.set_distance import frechet_result
from evaluate.sets import Sets

TITLE = "Frame distance"
HIGHER_IS_BETTER = False
FEATURES = ("fd_efficientnet_lite0",)
SCORERS = ()


def fd_efficientnet_lite0(sets: Sets) -> Result:
    """Lower is better, 0 for equal sets; not FID and not comparable with one (another network, another resize)."""
    return frechet_result(sets, name="fd_efficientnet_lite0", title=TITLE, feature="fd_efficientnet_lite0")
