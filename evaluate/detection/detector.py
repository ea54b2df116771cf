"""What a detector is: where it comes from, what it reads, and how one says that it can't tell."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal, SupportsFloat, cast

import numpy as np
from numpy.typing import NDArray

from curate.errors import EmoforgeError, MediaError, WeightsError
from evaluate.observation import Observation

Medium = Literal["picture", "sound"]
Values = NDArray[np.float32]
Model = Callable[[Values], float]  # what was observed of a video -> probability in [0, 1] that it is synthetic

LONGEST_REASON = 300  # characters of an abstention's message, which goes into tables


class Abstention(EmoforgeError):
    """A detector has no answer for this video; the message is `reason: sentence`, as MediaError's would be."""


@dataclass(frozen=True, kw_only=True)
class Detector:
    """One detector by its `name`, ready to be run.

    A finished one has `score` alone. A fitted one has `observe`, whose array (always of one shape) is all that its
    model sees of a video, and `fit(observations, is_fake, seed) -> Model`, which raises Abstention where the examples
    are too few. One with `fit` alone stacks: its observations are the (d,) answers of the other detectors, nan where
    one abstained. `reads`: the media it looks at; a perturbation of the other leaves its answer as it is. `origin` says
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

    @property
    def stacks(self) -> bool:
        """Whether it learns from the other detectors' answers instead of from videos."""
        return self.fit is not None and self.observe is None


def run_detector(detector: Detector, observation: Observation) -> float | Values:
    """Return what a finished detector answers, or what the model of a fitted one will see of the video.

    Whatever expected goes wrong with this video is an Abstention, and so is an answer that is no probability.
    """
    with _abstaining():
        if detector.score is not None:
            return probability(detector.score(observation))
        if detector.observe is not None:
            return _finite(detector.observe(observation))
    raise ValueError(f"{detector.name} learns from other detectors' answers and reads no video")


def predict(model: Model, values: Values) -> float:
    """Return what a fitted model answers to the values; Abstention as run_detector raises it."""
    with _abstaining():
        return probability(model(values))


def probability(answer: object) -> float:
    """Return the answer as a number in [0, 1]; Abstention when it is none."""
    try:
        number = float(cast(SupportsFloat, answer))
    except (TypeError, ValueError, OverflowError, RuntimeError) as error:  # the last is torch's, of several numbers
        raise Abstention(f"bad_answer: the detector answered {str(answer)[:80]!r}, which is no number") from error
    if np.isnan(number):
        raise Abstention("not_a_number: the detector answered nan")
    if not 0 <= number <= 1:
        raise Abstention(f"out_of_range: the detector answered {number:g}, which is no probability in [0, 1]")
    return number


def _finite(values: Values) -> Values:
    if not np.isfinite(values).all():
        raise Abstention(f"not_a_number: {int(np.sum(~np.isfinite(values)))} observed values are nan or infinite")
    return np.asarray(values, np.float32)


@contextmanager
def _abstaining() -> Iterator[None]:
    """Turn what may be expected of a video, a file or a network into an Abstention."""
    try:
        yield
    except Abstention as error:
        raise Abstention(_tidy(str(error))) from error
    except MediaError as error:
        raise Abstention(_tidy(f"{error.reason}: {error.message}")) from error
    except WeightsError as error:
        raise Abstention(_tidy(f"no_weights: {error}")) from error
    except EmoforgeError as error:
        raise Abstention(_tidy(f"failed: {error}")) from error
    except TimeoutError as error:
        raise Abstention(_tidy(f"timeout: {error}")) from error
    except OSError as error:
        raise Abstention(_tidy(f"unreadable: {error}")) from error


def _tidy(message: str) -> str:
    """One printable line of bounded length that begins with a reason."""
    line = " ".join("".join(c if c.isprintable() else " " for c in message).split())
    known = re.match(r"[a-z][a-z0-9_]*: ", line)
    return (line if known else f"abstained: {line}")[:LONGEST_REASON]
