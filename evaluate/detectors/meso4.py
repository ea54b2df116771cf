"""MesoNet's Meso-4: four small convolutions, trained on early face swaps."""

from __future__ import annotations

from evaluate.detection.face_pictures import face_pictures
from evaluate.networks.mesonet import INPUT_PX, load_mesonet, probability_of_synthetic
from evaluate.observation import FACE_WEIGHTS, Observation

WEIGHTS = ("meso4_df", *FACE_WEIGHTS)
NEEDS = ("h5py",)
READS = ("picture",)
N_PICTURES = 16


def meso4(observation: Observation) -> float:
    """Probability of synthetic, the mean over at most 16 pictures of the face.

    The faces are upright squares of MesoNet's own extent; its authors also turn a tilted head upright. It knows
    autoencoder face swaps: on generators of whole videos its answers are out of its depth, which is what is measured.
    """
    return probability_of_synthetic(
        load_mesonet("meso4_df"), face_pictures(observation, size_px=INPUT_PX, n=N_PICTURES)
    )
