"""MesoNet's MesoInception-4: two inception layers and two convolutions, trained on early face swaps."""

from __future__ import annotations

from evaluate.detection.face_pictures import face_pictures
from evaluate.networks.mesonet import INPUT_PX, load_mesonet, probability_of_synthetic
from evaluate.observation import FACE_WEIGHTS, Observation

WEIGHTS = ("mesoinception_df", *FACE_WEIGHTS)
NEEDS = ("h5py",)
READS = ("picture",)
N_PICTURES = 16


def mesoinception4(observation: Observation) -> float:
    """Probability of synthetic, the mean over at most 16 pictures of the face.

    The faces are cut as meso4's are, and what is said there of its use holds here.
    """
    return probability_of_synthetic(
        load_mesonet("mesoinception_df"), face_pictures(observation, size_px=INPUT_PX, n=N_PICTURES)
    )
