"""How far the generated frames look from the real ones: kernel distance on EfficientNet-Lite0 features."""

from evaluate.results import Result
from evaluate.set_distance import kid_result
from evaluate.sets import Sets

TITLE = "Frame kernel distance"
HIGHER_IS_BETTER = False
FEATURES = ("fd_efficientnet_lite0",)
SCORERS = ()


def kid_efficientnet_lite0(sets: Sets) -> Result:
    """Lower is better, 0 on average for one distribution and unbiased at few frames; not KID (another network)."""
    return kid_result(sets, name="kid_efficientnet_lite0", title=TITLE, feature="fd_efficientnet_lite0")
