"""How far generated windows are from real ones: Fréchet distance on VideoMAE features."""

from evaluate.results import Result
from evaluate.set_distance import frechet_result
from evaluate.sets import Sets

TITLE = "Video distance (VideoMAE)"
HIGHER_IS_BETTER = False
FEATURES = ("videomae",)
SCORERS = ()


def fd_videomae(sets: Sets) -> Result:
    """Lower is better, 0 for equal sets; heeds motion more than FVD; compare only within one checkpoint."""
    return frechet_result(sets, name="fd_videomae", title=TITLE, feature=FEATURES[0])
