"""What a detector is: where it comes from, what it reads, and how one says that it can't tell."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from curate.errors import EmoforgeError
from evaluate.observation import Observation

Medium = Literal["picture", "sound"]
Values = NDArray[np.float32]
Model = Callable[[Values], float]  # what was observed of a video -> probability in [0, 1] that it is synthetic


class Abstention(EmoforgeError):
    """A detector has no answer for this video; the message is `reason: sentence`, as MediaError's would be."""


@dataclass(frozen=True, kw_only=True)
class Detector:
    """One detector by its `name`, ready to be run.

    A finished one has `score` alone. A fitted one has `observe`, whose array (always of one shape) is all that its
    model sees of a video, and `fit(observations, is_fake, seed) -> Model`, which raises Abstention where the examples
    are too few. `reads`: the media it looks at; a perturbation of the other leaves its answer as it is. `origin` says
    in words what it is (weights with their sha256, address, command).
    """

    name: str
    origin: str
    reads: tuple[Medium, ...] = ("picture", "sound")
    score: Callable[[Observation], float] | None = None
    observe: Callable[[Observation], Values] | None = None
    fit: Callable[[Sequence[Values], NDArray[np.bool_], int], Model] | None = None

    @property
    def is_fitted(self) -> bool:
        """Whether it has to be fitted on labelled videos before it can say anything."""
        return self.fit is not None
