"""Whether the lips go with the sound: what curation measures of it, weighed by logistic regression."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from curate import speech
from curate.clip_media import ClipMedia
from curate.scorers.mouth_in_silence import mouth_in_silence
from curate.scorers.sync_correlation import sync_correlation
from curate.scorers.sync_in_place import sync_in_place
from curate.scorers.sync_ridge import sync_ridge
from evaluate.detection.classifiers import fit_logistic
from evaluate.detection.detector import Abstention, Model, Values
from evaluate.observation import FACE_WEIGHTS, Observation

WEIGHTS = (speech.WEIGHTS, *FACE_WEIGHTS)
READS = ("picture", "sound")
C = 1.0
NO_PAUSE = (
    0.5  # of mouth_in_silence where there is no silence to measure it in: half-way from a still mouth to a busy one
)


def sync(observation: Observation, *, model: Model) -> float:
    """Probability of synthetic by six numbers of audio-visual agreement and logistic regression.

    It hears no forgery: lips that are driven by the sound may follow it too well, those of a dubbed real video not at
    all, and real videos with another's voice over them teach it that good agreement is synthetic. Abstains without
    sound that the lips could follow.
    """
    return model(observe(observation))


def observe(observation: Observation) -> Values:
    """(6,) peak and off of sync_correlation, peak and margin of sync_ridge, sync_in_place, mouth_in_silence.

    Abstention without sound, with sound of one loudness, or under 2 s.
    """
    media = observation.clip_media
    _check_sound(media)
    loudness, ridge = sync_correlation(media), sync_ridge(media)
    in_silence = mouth_in_silence(media)
    found = (
        loudness["peak"],
        loudness["off"],
        ridge["peak"],
        ridge["margin"],
        sync_in_place(media),
        NO_PAUSE if in_silence is None else min(in_silence, 2.0),
    )
    if None in found:
        raise Abstention(
            "no_speech: the sound hardly swells and fades, or is shorter than 2 s, so lips can't follow it"
        )
    return np.asarray(found, np.float32)


def fit(observations: Sequence[Values], is_fake: NDArray[np.bool_], seed: int) -> Model:
    """Fit the regression, which nothing random enters; Abstention with under 3 of either class."""
    return fit_logistic(observations, is_fake, c=C)


def _check_sound(media: ClipMedia) -> None:
    if media.audio is None:
        raise Abstention("no_sound: the video has no sound")
    if not media.audio.any():
        raise Abstention("no_sound: the video's sound is silence")
