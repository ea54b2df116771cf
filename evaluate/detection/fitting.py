"""Fits the detectors that need examples, so that no clip is judged by a model that saw it or any of its cluster."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from evaluate.detection.controls import PERMUTED, REAL_HALVES, permuted_labels, real_halves
from evaluate.detection.detector import Abstention, Detector, Model, Values, predict
from evaluate.detection.score_table import MATCHED, ORIGINAL

Kind = Literal["usual", "original", "unseen generator", "permuted labels", "real against real"]
CONTROLS: tuple[Kind, ...] = (PERMUTED, REAL_HALVES)
Seen = Mapping[tuple[str, str], Values | str]  # (condition, severity) -> what was observed, or why nothing was


@dataclass(frozen=True, kw_only=True)
class Purpose:
    """What models are fitted for: `usual` and `original` (fitted on the files as they came), each generator left out
    (`without`), and the two controls."""

    kind: Kind
    without: str = ""


@dataclass(frozen=True, kw_only=True)
class Labelled:
    """The clips (n,) in the run's order: their sets, classes, clusters and folds."""

    set: NDArray[np.str_]
    is_fake: NDArray[np.bool_]
    cluster: NDArray[np.str_]
    fold: NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Predicted:
    """A fitted detector's answer to clip number `clip`; None where it abstained."""

    clip: int
    condition: str
    severity: str
    score: float | None
    abstained: str = ""


def purposes(generators: Sequence[str], *, original: bool = True) -> list[Purpose]:
    """All that a fitted detector is fitted for; leaving one generator out takes another to learn from."""
    found = [Purpose(kind="usual")]
    found += [Purpose(kind="original")] if original else []
    found += [Purpose(kind="unseen generator", without=name) for name in generators if len(generators) > 1]
    return [*found, *(Purpose(kind=kind) for kind in CONTROLS)]


def labels_for(purpose: Purpose, clips: Labelled, *, seed: int) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """The labels to fit and judge by, and which clips take part: a control's labels mean nothing."""
    everyone = np.ones(len(clips.set), bool)
    if purpose.kind == PERMUTED:
        return permuted_labels(clips.cluster, clips.is_fake, seed=seed), everyone
    if purpose.kind == REAL_HALVES:
        labels = np.zeros(len(clips.set), bool)
        real = ~clips.is_fake
        labels[real] = real_halves(clips.cluster[real], seed=seed)
        return labels, real
    return clips.is_fake, everyone


def judged(purpose: Purpose, clips: Labelled) -> NDArray[np.bool_]:
    """The clips (n,) that the purpose's models answer for."""
    if purpose.without:
        of_generator: NDArray[np.bool_] = clips.set == purpose.without
        return ~clips.is_fake | of_generator
    return ~clips.is_fake if purpose.kind == REAL_HALVES else np.ones(len(clips.set), bool)


def fit_and_predict(
    detector: Detector, seen: Callable[[int], Seen], clips: Labelled, purpose: Purpose, *, seed: int
) -> Iterator[Predicted]:
    """Fit once a fold on the clips of the others, and answer for those of the fold.

    `seen(i)` gives what the detector observed of clip i. Models are fitted on MATCHED (for `original` on ORIGINAL),
    and answer for everything but ORIGINAL (for all but `usual`: for what they were fitted on).
    """
    labels, take_part = labels_for(purpose, clips, seed=seed)
    fitted_on = (ORIGINAL if purpose.kind == "original" else MATCHED, "")
    is_usual = purpose.kind == "usual"
    for fold in np.unique(clips.fold):
        examples = np.flatnonzero(take_part & (clips.fold != fold) & (clips.set != purpose.without))
        answering = np.flatnonzero((clips.fold == fold) & judged(purpose, clips))
        model = _fitted(detector, seen, examples, labels, fitted_on, seed=seed)
        for clip in answering.tolist():
            wanted = {key: given for key, given in seen(clip).items() if key == fitted_on or is_usual}
            for (condition, severity), given in wanted.items():
                if condition != ORIGINAL or not is_usual:
                    yield _predicted(model, given, clip, condition, severity)


def _fitted(
    detector: Detector,
    seen: Callable[[int], Seen],
    examples: NDArray[np.intp],
    labels: NDArray[np.bool_],
    fitted_on: tuple[str, str],
    *,
    seed: int,
) -> Model | str:
    """The model, or why there is none."""
    held = [(i, given) for i in examples.tolist() if isinstance(given := seen(i).get(fitted_on, ""), np.ndarray)]
    is_fake = labels[[i for i, _ in held]]
    if detector.fit is None:
        raise ValueError(f"{detector.name} is not fitted")
    if len(np.unique(is_fake)) < 2:
        return f"few_examples: {len(held)} clips of one class to learn from; both are needed outside the clip's fold"
    try:
        return detector.fit([given for _, given in held], is_fake, seed)
    except Abstention as error:
        return str(error)


def _predicted(model: Model | str, given: Values | str, clip: int, condition: str, severity: str) -> Predicted:
    answer = partial(Predicted, clip=clip, condition=condition, severity=severity)
    if isinstance(given, str):
        return answer(score=None, abstained=given)
    if isinstance(model, str):
        return answer(score=None, abstained=model)
    try:
        return answer(score=predict(model, given))
    except Abstention as error:
        return answer(score=None, abstained=str(error))
