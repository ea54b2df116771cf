"""The small classifiers that fitted detectors are made of: from labelled vectors to a probability of synthetic."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evaluate.detection.detector import Abstention, Model, Values

MIN_EXAMPLES = 3  # of each class


def fit_logistic(observations: Sequence[Values], is_fake: NDArray[np.bool_], *, c: float) -> Model:
    """Logistic regression on standardised values, both classes weighing the same; `c` is scikit-learn's C.

    Raises Abstention with fewer than MIN_EXAMPLES of either class.
    """
    check_examples(is_fake)
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    classifier = make_pipeline(StandardScaler(), LogisticRegression(C=c, class_weight="balanced", max_iter=1000))
    classifier.fit(np.stack(observations).astype(np.float64), is_fake)
    return partial(_probability, classifier)


def fit_boosted_trees(observations: Sequence[Values], is_fake: NDArray[np.bool_], *, seed: int) -> Model:
    """Gradient boosting with small steps and shallow trees, both classes weighing the same.

    Raises Abstention with fewer than MIN_EXAMPLES of either class.
    """
    check_examples(is_fake)
    from sklearn.ensemble import GradientBoostingClassifier
    from sklearn.utils.class_weight import compute_sample_weight

    classifier = GradientBoostingClassifier(
        n_estimators=100, learning_rate=0.05, max_depth=2, subsample=0.8, random_state=seed
    )
    weight = compute_sample_weight("balanced", is_fake)
    classifier.fit(np.stack(observations).astype(np.float64), is_fake, sample_weight=weight)
    return partial(_probability, classifier)


def check_examples(is_fake: NDArray[np.bool_]) -> None:
    """Raise Abstention with fewer than MIN_EXAMPLES of either class."""
    n_fake = int(np.sum(is_fake))
    n_real = len(is_fake) - n_fake
    if min(n_fake, n_real) < MIN_EXAMPLES:
        raise Abstention(
            f"few_examples: {n_real} real and {n_fake} synthetic videos to learn from, "
            f"and it takes {MIN_EXAMPLES} of each"
        )


def _probability(classifier: Any, values: Values) -> float:
    """Probability of True; a function of the module, so that a fitted model can be pickled."""
    return float(classifier.predict_proba(np.asarray(values, np.float64)[None])[0, 1])
