"""All the other detectors at once: their answers, weighed by how well they did on other clips."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from evaluate.detection.classifiers import fit_logistic
from evaluate.detection.detector import Abstention, Model, Values

SUREST = 0.99  # answers are taken no surer than this, so that one loud detector can't outweigh all
C = 0.1  # a handful of answers that go together, and few clips: a strong penalty


def ensemble(answers: Values, *, model: Model) -> float:
    """Probability of synthetic by logistic regression on the log odds of the other detectors' answers (d,).

    An abstention (nan) counts as that detector's mean answer: whether one answers tells nothing of the clip. Abstains
    when none has answered.
    """
    return model(answers)


def fit(answers: Sequence[Values], is_fake: NDArray[np.bool_], seed: int) -> Model:
    """Fit the regression on vectors of answers, which nothing random enters.

    Clips without any answer are left out, and so is a detector that never answers. Abstention with under 3 clips of
    either class.
    """
    odds = _log_odds(np.stack(answers))
    answered = np.isfinite(odds)
    clips: NDArray[np.bool_] = np.any(answered, axis=1)
    detectors: NDArray[np.bool_] = np.any(answered, axis=0)
    if not clips.any():
        raise Abstention("no_answers: every other detector abstains on every clip")
    kept = odds[np.ix_(clips, detectors)]
    means = np.nanmean(kept, axis=0)
    filled = np.where(np.isfinite(kept), kept, means).astype(np.float32)
    model = fit_logistic(list(filled), np.asarray(is_fake)[clips], c=C)
    return partial(_probability, model=model, detectors=detectors, means=means)


def _probability(answers: Values, *, model: Model, detectors: NDArray[np.bool_], means: NDArray[np.float64]) -> float:
    odds = _log_odds(answers)[detectors]
    if not np.isfinite(odds).any():
        raise Abstention("no_answers: every other detector abstains")
    return model(np.where(np.isfinite(odds), odds, means).astype(np.float32))


def _log_odds(answers: Values) -> NDArray[np.float64]:
    bounded = np.clip(answers.astype(np.float64), 1 - SUREST, SUREST)
    return np.asarray(np.log(bounded) - np.log1p(-bounded), np.float64)
