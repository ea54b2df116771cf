"""Whether the person stays the person: cosine between each generated frame's identity and the portrait's."""

from curate.identity import SAME_PERSON_COSINE
from evaluate.likeness import likeness_result
from evaluate.results import Result
from evaluate.sets import Sets

TITLE = "Identity"
HIGHER_IS_BETTER = True
FEATURES = ("identity_dlib",)
SCORERS = ()
SCALE = f"one person is near 0.98, strangers near 0.84, dlib's own limit is {SAME_PERSON_COSINE}"


def identity_similarity(sets: Sets) -> Result:
    """Higher is better: about 0.98 for one person, 0.84 for two (dlib's cosines sit high; see curate.identity)."""
    return likeness_result(
        sets,
        name="identity_similarity",
        title=TITLE,
        feature=FEATURES[0],
        columns="identity",
        takes_portraits=True,
        scale=SCALE,
    )
