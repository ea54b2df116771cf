"""How far the generated motion is from the real one: Fréchet distance on changes of EfficientNet-Lite0."""

from evaluate.results import Result
from evaluate.set_distance import frechet_result
from evaluate.sets import Sets

TITLE = "Motion distance"
HIGHER_IS_BETTER = False
FEATURES = ("fd_motion_efficientnet_lite0",)
SCORERS = ()


def fd_motion_efficientnet_lite0(sets: Sets) -> Result:
    """Lower is better, 0 for equal sets; a stand-in where FVD's weights are missing, comparable with no FVD."""
    return frechet_result(sets, name="fd_motion_efficientnet_lite0", title=TITLE, feature=FEATURES[0])
