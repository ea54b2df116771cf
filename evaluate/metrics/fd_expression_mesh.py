"""How far the generated expressions are from the real ones: Fréchet distance on mesh-derived expression vectors."""

from evaluate.results import Result
from evaluate.set_distance import frechet_result
from evaluate.sets import Sets

TITLE = "Expression distance"
HIGHER_IS_BETTER = False
FEATURES = ("expression_mesh",)
SCORERS = ()


def fd_expression_mesh(sets: Sets) -> Result:
    """Lower is better, 0 for equal sets; the `mesh` variant of E-FID, comparable with no printed E-FID."""
    return frechet_result(sets, name="fd_expression_mesh", title=TITLE, feature="expression_mesh")
