"""How many clips of each kind lie above a threshold as it falls: what every operating point is made of."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating]


@dataclass(frozen=True, eq=False)
class Counts:
    """Weighted counts, with any leading axes (one a draw of a bootstrap).

    `thresholds` (k,): the scores there are, each once, falling. `real_above`, `fake_above` (..., k): the weight of
    clips with score >= thresholds[j], so equal scores come in together. `n_real`, `n_fake` (...): the weight of all.
    """

    thresholds: NDArray[np.float64]
    real_above: Array
    fake_above: Array
    n_real: Array
    n_fake: Array

    @cached_property
    def shares(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Of the real clips and of the fakes, each (..., k + 1): zero first, above all scores; made once, read-only.

        nan from the second place on where there is no clip of the kind.
        """
        return _shares(self.real_above, self.n_real), _shares(self.fake_above, self.n_fake)


def counts(scores: NDArray[np.floating], is_fake: NDArray[np.bool_], weights: Array | None = None) -> Counts:
    """Count clips (n,) above every score, each as often as `weights` (..., n) say, once each by default.

    Higher scores mean more synthetic. Weights that are whole numbers are added up exactly, in float32 up to a sum of
    2^24. ValueError for a score that is no number: an abstention has to be left out first.
    """
    scores = scores.astype(np.float64)
    if np.isnan(scores).any():
        raise ValueError("a score is nan: leave out those who abstained before counting")
    order = np.argsort(-scores, kind="stable")
    falling = scores[order]
    last = np.flatnonzero(np.append(falling[1:] != falling[:-1], True)) if len(falling) else np.zeros(0, np.intp)
    often = np.ones(len(scores)) if weights is None else weights
    real, fake = (_above(often, order, is_fake[order] == kind, last) for kind in (False, True))
    thresholds = np.asarray(falling[last], np.float64)
    return Counts(thresholds, real, fake, _all(real), _all(fake))


def _above(weights: Array, order: NDArray[np.intp], kind: NDArray[np.bool_], last: NDArray[np.intp]) -> Array:
    """The running weight of one kind at each score's last clip: only that kind's clips are added up."""
    rows = np.flatnonzero(kind)
    running = np.zeros((*weights.shape[:-1], len(rows) + 1), weights.dtype)
    np.cumsum(weights[..., order[rows]], axis=-1, out=running[..., 1:])
    return np.asarray(running[..., np.searchsorted(rows, last, side="right")])


def _shares(above: Array, n: Array) -> NDArray[np.float64]:
    shares = np.zeros((*above.shape[:-1], above.shape[-1] + 1))
    with np.errstate(invalid="ignore"):
        np.divide(above, np.asarray(n)[..., None], out=shares[..., 1:], dtype=np.float64)
    shares.flags.writeable = False
    return shares


def _all(above: Array) -> Array:
    return np.asarray(above[..., -1]) if above.shape[-1] else np.zeros(above.shape[:-1])
