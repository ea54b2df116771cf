"""What metrics of detection are given: scores of clips, whom the threshold calls fake, how often each clip counts."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from evaluate.detection.counts import Counts, counts

Array = NDArray[np.floating]


@dataclass(frozen=True, kw_only=True, eq=False)
class Sample:
    """Scores (n,) of clips, who is fake, and whom the frozen threshold calls so (None where a clip has none).

    `weights` (..., n) are how often each clip counts, a row a draw; None is once each.
    """

    scores: NDArray[np.float64]
    is_fake: NDArray[np.bool_]
    cluster: NDArray[np.str_]
    called_fake: NDArray[np.bool_] | None = None
    weights: Array | None = None

    @cached_property
    def counts(self) -> Counts:
        """Weighted counts above every threshold, made once however many metrics ask."""
        return counts(self.scores, self.is_fake, self.weights)

    def share_called_fake(self, *, of_fakes: bool) -> Array:
        """The weighted share (...) of one class that is called fake; nan without a threshold or without the class."""
        if self.called_fake is None:
            return np.full(() if self.weights is None else self.weights.shape[:-1], np.nan)
        weights = np.ones(len(self.scores)) if self.weights is None else self.weights
        rows = np.flatnonzero(self.is_fake == of_fakes)
        weights = weights[..., rows]
        with np.errstate(invalid="ignore"):
            return np.asarray(weights @ self.called_fake[rows].astype(weights.dtype) / weights.sum(axis=-1))
