"""Measured clips made by hand, for the metrics' tests."""

import numpy as np
from numpy.typing import NDArray

from evaluate.measure import Measured
from evaluate.sets import Sets


def measured(
    name: str, *, feature: str = "x", vectors: NDArray[np.float64] | None = None, failures: dict[str, str] | None = None
) -> Measured:
    features = {} if vectors is None else {feature: vectors.astype(np.float32)}
    return Measured(name=name, stem=name.rsplit(".", 1)[0], features=features, failures=failures or {}, n_frames=3)


def sets(reference: list[Measured], generated: list[Measured], **settings: object) -> Sets:
    return Sets(reference=tuple(reference), generated=tuple(generated), max_frames=32, **settings)  # type: ignore[arg-type]


def random_clips(
    n: int, *, seed: int, feature: str = "x", frames: int = 8, d: int = 4, shift: float = 0.0
) -> list[Measured]:
    random = np.random.default_rng(seed)
    return [
        measured(f"{seed}_{i}.mp4", feature=feature, vectors=random.normal(size=(frames, d)) + shift) for i in range(n)
    ]
