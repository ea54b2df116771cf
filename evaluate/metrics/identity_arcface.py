"""Whether the person stays the person, as papers measure it (CSIM): by ArcFace, whose weights are non-commercial."""

from evaluate.likeness import likeness_result
from evaluate.results import Result
from evaluate.sets import Sets

TITLE = "Identity (ArcFace)"
HIGHER_IS_BETTER = True
FEATURES = ("identity_arcface",)
SCORERS = ()
SCALE = "strangers are near 0; what one person has depends on pose and light: see the reference's own"


def identity_arcface(sets: Sets) -> Result:
    """Higher is better, in [-1, 1]; portraits are left aside, since those given are embedded by dlib."""
    return likeness_result(
        sets,
        name="identity_arcface",
        title=TITLE,
        feature=FEATURES[0],
        columns="identity_arcface",
        takes_portraits=False,
        scale=SCALE,
    )
