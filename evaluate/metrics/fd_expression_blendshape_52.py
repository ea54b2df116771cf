"""How far the generated expressions are from the real ones: Fréchet distance on MediaPipe's 52 blendshapes."""

from evaluate.results import Result
from evaluate.set_distance import frechet_result
from evaluate.sets import Sets

TITLE = "Expression distance (blendshapes)"
HIGHER_IS_BETTER = False
FEATURES = ("expression_blendshape_52",)
SCORERS = ()


def fd_expression_blendshape_52(sets: Sets) -> Result:
    """Lower is better, 0 for equal sets; the `blendshape_52` variant of E-FID, comparable with no printed E-FID."""
    return frechet_result(sets, name="fd_expression_blendshape_52", title=TITLE, feature=FEATURES[0])
