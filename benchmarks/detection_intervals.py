"""How long intervals of every detection number take: by draws in one pass over sorted scores, and by scikit-learn.

    python benchmarks/detection_intervals.py [DRAWS]

15,000 made-up scores of 500 people, half of whom are real, as many draws of whole people as asked (2,000). First
`estimate` with every metric; then scikit-learn's functions for the same metrics on the clips of each draw, on 20 draws
and extrapolated, because all would take minutes. Both must agree on the first draw. Wall and processor seconds.
"""

import sys
import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from sklearn import metrics

from evaluate.detection.draws import METRICS, Sample, cluster_weights, estimate

CLIPS, PEOPLE, PEER_DRAWS = 15_000, 500, 20
SHARED = ("auc", "average_precision", "partial_auc_0.1", "log_loss", "brier", "balanced_accuracy", "tpr_at_fpr_0.01")

Numbers = NDArray[np.float64]


def made_sample() -> Sample:
    """Scores that hang on the person as much as on the clip."""
    random = np.random.default_rng(0)
    person = np.arange(CLIPS) % PEOPLE
    is_fake = person % 2 == 1
    logit = random.normal(size=PEOPLE)[person] + random.normal(size=CLIPS) + 1.5 * is_fake - 0.75
    scores = 1 / (1 + np.exp(-logit))
    return Sample(scores=scores, is_fake=is_fake, cluster=person.astype(str), called_fake=scores >= 0.5)


def by_scikit_learn(scores: Numbers, is_fake: NDArray[np.bool_]) -> dict[str, float]:
    """The metrics of METRICS as scripts compute them, on clips repeated as a draw has them."""
    fpr, tpr, _ = metrics.roc_curve(is_fake, scores, drop_intermediate=False)
    found = {f"tpr_at_fpr_{limit}": float(tpr[fpr <= limit + 1e-9][-1]) for limit in (0.1, 0.01, 0.001, 0.0001)}
    called = scores >= 0.5
    _, (false_alarms, hits) = metrics.confusion_matrix(is_fake, called).T
    return found | {
        "auc": metrics.roc_auc_score(is_fake, scores),
        "average_precision": metrics.average_precision_score(is_fake, scores),
        "equal_error_rate": float(fpr[np.argmin(np.abs(1 - tpr - fpr))]),
        "partial_auc_0.1": metrics.roc_auc_score(is_fake, scores, max_fpr=0.1),
        "log_loss": metrics.log_loss(is_fake, scores),
        "brier": metrics.brier_score_loss(is_fake, scores),
        "balanced_accuracy": metrics.balanced_accuracy_score(is_fake, called),
        "weighted_precision": hits / (hits + 100 * false_alarms),
    }


def timed(work: Callable[[], object]) -> tuple[float, float]:
    """Wall and processor seconds."""
    wall, processor = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - wall, time.process_time() - processor


def main(draws: int) -> None:
    """Compare the values on one draw, then time both and print."""
    sample = made_sample()
    weights = next(cluster_weights(sample.cluster, sample.is_fake, draws=PEER_DRAWS, seed=0))
    repeated = [np.repeat(np.arange(CLIPS), row.astype(int)) for row in weights[:PEER_DRAWS]]
    peer = by_scikit_learn(sample.scores[repeated[0]], sample.is_fake[repeated[0]])
    drawn = Sample(**{**vars(sample), "weights": weights[:1]})
    for name in SHARED:
        np.testing.assert_allclose(METRICS[name](drawn)[0], peer[name], rtol=1e-5)
    ours = timed(lambda: estimate(METRICS, sample, draws=draws))
    theirs = timed(lambda: [by_scikit_learn(sample.scores[rows], sample.is_fake[rows]) for rows in repeated])
    scale = draws / PEER_DRAWS
    print(f"{draws} draws of {CLIPS} scores, wall (processor) seconds")
    print(f"estimate, {len(METRICS)} metrics:      {ours[0]:7.2f} ({ours[1]:.2f})")
    print(
        f"scikit-learn, {len(peer)} metrics:  {theirs[0] * scale:7.2f} ({theirs[1] * scale:.2f}), "
        f"from {PEER_DRAWS} draws"
    )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 2000)
