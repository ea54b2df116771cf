"""How wide an interval must be at few clusters: for the spread of those seen, and for kinds that none of them shows.

A detector that is right on all fifteen people has draws that are all perfect, and a bootstrap interval of no width.
But a kind of people that is a fifth of all is missed by fifteen in one of forty studies (Clopper & Pearson 1934), and
nothing is known of the detector there. So the interval also reaches what the number would be if that share of either
class were clips on the wrong end of the scores: in full where every cluster seen is right, less with errors seen, and
no more from two clusters' worth of errors on, which show in the draws (by simulation: reaching on to three, intervals
of ten people a class hold 99 % where 95 is asked; to one, kinds of people that are missed go unnoticed too often).
For AUC 1 and rates of 0 or 1 this end is the exact bound: with mean A over independent pairs of clusters, m of them
are all in order with a probability of at most A^m.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy import stats

from evaluate.detection.sample import Array, Sample
from evaluate.intervals import expanded

SHOWN_BY_DRAWS = 2.0  # clusters' worth of errors
NO_SPREAD = 1e-12  # a variance that is only rounding
REAL_ROWS, FAKE_ROWS = slice(0, 2), slice(2, 4)  # of `with_unseen`


@dataclass(frozen=True, kw_only=True)
class Clusters:
    """How many clusters hold real clips and fake ones, and how many clips; 0 for a class that a metric doesn't read."""

    real: int
    fake: int
    real_clips: int
    fake_clips: int

    @property
    def clips(self) -> int:
        """Of the classes that are read."""
        return self.real_clips + self.fake_clips

    @property
    def fewest(self) -> int:
        """Of the classes that are read."""
        return min(n for n in (self.real, self.fake) if n)

    @property
    def freedom(self) -> float:
        """Welch's degrees of freedom of two classes whose clusters spread alike; n - 1 of one class."""
        sizes = [n for n in (self.real, self.fake) if n]
        return sum(1 / n for n in sizes) ** 2 / sum(1 / (n * n * (n - 1)) for n in sizes)


def with_unseen(sample: Sample, clusters: Clusters, *, level: float) -> Sample:
    """The sample with clips of a kind that its clusters may have missed, in four rows of weights.

    Rows: real clips above all scores, then below; fake ones above, then below. They are the share of their class that
    clusters as many as these all miss with a probability of (1 - level) / 2.
    """
    kinds = [(fake, top) for fake in (False, True) for top in (True, False)]
    ends = {True: np.nextafter(sample.scores.max(), np.inf), False: np.nextafter(sample.scores.min(), -np.inf)}
    weights = [_unseen_weight(sample, clusters, fake=fake, level=level) for fake, _ in kinds]
    called = None if sample.called_fake is None else np.append(sample.called_fake, [top for _, top in kinds])
    seen = np.ones((len(kinds), len(sample.scores)))
    return Sample(
        scores=np.append(sample.scores, [ends[top] for _, top in kinds]),
        is_fake=np.append(sample.is_fake, [fake for fake, _ in kinds]),
        cluster=np.append(sample.cluster, ["unseen"] * len(kinds)),
        called_fake=called,
        weights=np.hstack([seen, np.diag(weights)]),
    )


def _unseen_weight(sample: Sample, clusters: Clusters, *, fake: bool, level: float) -> float:
    """As many clips as make up the share of their class that its clusters may all have missed."""
    held, seen = (clusters.fake if fake else clusters.real), float(np.sum(sample.is_fake == fake))
    share = missable_share(held, level) if held else 0.0
    return seen * share / (1 - share)


def clusters_read(value: float, unseen: Array, clusters: Clusters) -> Clusters:
    """The clusters of the classes that a metric looks at: those whose unseen clips change its value, else both."""
    real, fake = (not np.allclose(unseen[rows], value, rtol=1e-9, atol=1e-12) for rows in (REAL_ROWS, FAKE_ROWS))
    if real == fake:
        return clusters
    return replace(clusters, fake=0, fake_clips=0) if real else replace(clusters, real=0, real_clips=0)


def share_interval(value: float, draws: Array, clusters: Clusters, *, level: float) -> tuple[float, float]:
    """Ends of an interval for a share of clips, or of pairs of clips, from its draws.

    Clopper-Pearson's, for as many independent clips as would spread like the draws (Korn & Graubard 1998, with
    Student's t for few clusters and n / (n - 1)). It keeps to [0, 1] and leans as it must near the ends, where
    percentiles, expanded or not, fall short: 95 % ones of ten people a class held an AUC of 0.98 in 85 % of trials.
    """
    few = clusters.fewest
    variance = float(np.var(draws)) * few / (few - 1)
    t = stats.t.ppf((1 + level) / 2, clusters.freedom) / stats.norm.ppf((1 + level) / 2)
    spread = variance * t**2
    clips = min(clusters.clips, value * (1 - value) / spread) if spread > NO_SPREAD else clusters.clips
    right = value * clips
    low = stats.beta.ppf((1 - level) / 2, right, clips - right + 1) if right > 0 else 0.0
    high = stats.beta.ppf((1 + level) / 2, right + 1, clips - right) if right < clips else 1.0
    return float(low), float(high)


def loss_interval(draws: Array, clusters: Clusters, *, level: float) -> tuple[float, float]:
    """Expanded percentiles, for numbers that are a mean of losses."""
    low, high = np.quantile(draws, expanded(clusters.fewest, level))
    return float(low), float(high)


def reach(value: float, unseen: Array, clusters: Clusters, *, upper: float | None) -> tuple[float, float]:
    """The least and the greatest value with unseen clips, as far as the seen ones leave room for them."""
    room = room_for_unseen(value, clusters, upper=upper)
    change = [0.0, *((unseen[np.isfinite(unseen)] - value) * room).tolist()]
    return value + min(change), value + max(change)


def room_for_unseen(value: float, clusters: Clusters, *, upper: float | None) -> float:
    """1 at an end of the values that a metric can have, 0 from SHOWN_BY_DRAWS on.

    `upper` is the greatest value (None for no bound); the least is 0.
    """
    to_end = value if upper is None else min(value, upper - value)
    return max(0.0, 1 - clusters.fewest * to_end / SHOWN_BY_DRAWS)


def missable_share(clusters: int, level: float) -> float:
    """The share of all that this many clusters all miss with a probability of (1 - level) / 2."""
    return float(1 - ((1 - level) / 2) ** (1 / clusters))
