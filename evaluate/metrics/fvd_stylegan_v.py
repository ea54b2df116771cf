"""FVD as StyleGAN-V takes it: Fréchet distance on I3D logits of each clip's first 16 frames."""

from evaluate.results import Result
from evaluate.set_distance import frechet_result
from evaluate.sets import Sets

TITLE = "FVD (StyleGAN-V)"
HIGHER_IS_BETTER = False
FEATURES = ("i3d_stylegan_v",)
SCORERS = ()


def fvd_stylegan_v(sets: Sets) -> Result:
    """Lower is better, 0 for equal sets; comparable with fvd2048_16f only at 2048 clips a side, resized alike."""
    return frechet_result(sets, name="fvd_stylegan_v", title=TITLE, feature=FEATURES[0])
