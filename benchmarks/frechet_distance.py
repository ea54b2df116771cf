"""How long a Fréchet distance takes from features: ours, torchmetrics' and the matrix root of scipy, in one run.

    python benchmarks/frechet_distance.py [N] [D]

A set of 200 vectors of D = 2048 numbers and the same plus 0.1, where covariances are singular and the true distance is
D / 100; then two of N = 10,000, of unlike covariances. Each method goes from the vectors to the number in float64.
"""

import sys
import time
from collections.abc import Callable, Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import linalg
from torchmetrics.image.fid import FrechetInceptionDistance

from evaluate.distances import frechet_distance
from evaluate.gaussians import Gaussian, Statistics

Vectors = NDArray[np.float64]
SHIFT, FEW, BATCH = 0.1, 200, 1000


class Identity(torch.nn.Module):
    """A network whose features are its input, so that torchmetrics is given features."""

    def __init__(self, num_features: int) -> None:
        super().__init__()
        self.num_features = num_features

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Return the input."""
        return features


def ours(x: Vectors, y: Vectors) -> Callable[[], float]:
    """Stream both sets in batches."""
    first, second = streamed(x), streamed(y)
    return lambda: frechet_distance(first, second)


def streamed(features: Vectors) -> Gaussian:
    """Add batch by batch."""
    statistics = Statistics()
    for batch in batches(features):
        statistics.add(batch)
    return statistics.gaussian()


def torchmetrics(x: Vectors, y: Vectors) -> Callable[[], float]:
    """Stream both sets in the same batches."""
    metric = FrechetInceptionDistance(feature=Identity(x.shape[1])).set_dtype(torch.float64)
    for features, real in ((x, True), (y, False)):
        for batch in batches(features):
            metric.update(torch.from_numpy(batch), real=real)
    return lambda: float(metric.compute())


def scipy_root(x: Vectors, y: Vectors) -> Callable[[], float]:
    """Take the root of the product, as pytorch-fid, clean-fid and most copies do."""
    gap, first, second = x.mean(0) - y.mean(0), np.cov(x.T), np.cov(y.T)
    spread = float(gap @ gap + np.trace(first) + np.trace(second))
    return lambda: spread - 2 * float(np.trace(linalg.sqrtm(first @ second).real))


def batches(features: Vectors) -> Iterator[Vectors]:
    """Cut a set as a network would give it."""
    return (features[at : at + BATCH] for at in range(0, len(features), BATCH))


METHODS = (ours, torchmetrics, scipy_root)


def timed(method: Callable[[Vectors, Vectors], Callable[[], float]], x: Vectors, y: Vectors) -> tuple[float, ...]:
    """Seconds for the statistics, seconds for the distance between them, and the distance."""
    started = time.perf_counter()
    distance = method(x, y)
    ready = time.perf_counter()
    value = distance()
    return ready - started, time.perf_counter() - ready, value


def main(n: int = 10_000, d: int = 2048) -> None:
    """Print one row a method and size."""
    random = np.random.default_rng(0)
    many = [random.normal(size=(n, d)) @ (np.eye(d) + random.normal(size=(d, d)) / d**0.5) for _ in range(2)]
    few = random.normal(size=(FEW, d))
    print(f"{torch.get_num_threads()} threads; in seconds, and as a multiple of ours")
    print(f"{'N':>6} {'d':>5} {'method':<13} {'statistics':>16} {'distance':>16} {'both':>16}  value")
    for x, y in ((few, few + SHIFT), many):
        found = {method.__name__: timed(method, x, y) for method in METHODS}
        for name, (statistics, distance, value) in found.items():
            best = found["ours"]
            pairs = ((statistics, best[0]), (distance, best[1]), (statistics + distance, best[0] + best[1]))
            columns = " ".join(f"{seconds:>8.3f} {seconds / of:>6.1f}x" for seconds, of in pairs)
            print(f"{len(x):>6} {d:>5} {name:<13} {columns}  {value:.10f}", flush=True)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
