"""How far the generated frames look from the real ones: Fréchet distance on DINOv2 features."""

from evaluate.results import Result
from evaluate.set_distance import frechet_result
from evaluate.sets import Sets

TITLE = "Frame distance (DINOv2)"
HIGHER_IS_BETTER = False
FEATURES = ("dinov2",)
SCORERS = ()


def fd_dinov2(sets: Sets) -> Result:
    """Lower is better, 0 for equal sets; comparable only with FD-DINOv2 of the same checkpoint, resize and frames."""
    return frechet_result(sets, name="fd_dinov2", title=TITLE, feature=FEATURES[0])
