"""From what workers left of every clip and every fit to the table of scores, and to the controls beside it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from evaluate.detection.controls import control
from evaluate.detection.detector import Detector, Values
from evaluate.detection.findings import Control
from evaluate.detection.fitting import (
    CONTROLS,
    Labelled,
    Predicted,
    Purpose,
    Seen,
    fit_and_predict,
    labels_for,
    purposes,
)
from evaluate.detection.score_table import COLUMNS, MATCHED, ORIGINAL
from evaluate.detection.scoring import Answer

Fits = Mapping[tuple[str, Purpose], Sequence[Predicted]]  # (detector, purpose) -> its answers


@dataclass(frozen=True, kw_only=True)
class Clips:
    """The clips (n,) of a run in its order: their names, what they are for fitting, and what was answered of each."""

    names: Sequence[str]
    labelled: Labelled
    answers: Sequence[Sequence[Answer]]


def score_table(
    clips: Clips, detectors: Sequence[Detector], fits: Fits, *, groups: pd.DataFrame | None = None
) -> pd.DataFrame:
    """All rows, sorted; `groups` (n rows in the clips' order) adds columns of subgroups."""
    ranks = {(a.condition, a.severity): a.severity_rank for answers in clips.answers for a in answers}
    rows = [row for detector in detectors for row in _rows(clips, detector, fits, ranks)]
    table = pd.DataFrame(rows, columns=["place", *COLUMNS])
    if groups is not None:
        table = table.join(groups.reset_index(drop=True), on="place")
    order = ["detector", "condition", "severity_rank", "severity", "fitted_without", "set", "clip"]
    return table.drop(columns="place").sort_values(order, kind="stable").reset_index(drop=True)


def controls_of(
    clips: Clips, detectors: Sequence[Detector], fits: Fits, *, draws: int, seed: int
) -> tuple[Control, ...]:
    """Both controls of every detector."""
    return tuple(
        _control(clips, detector, Purpose(kind=kind), fits, draws=draws, seed=seed)
        for detector in detectors
        for kind in CONTROLS
    )


def stacked(clips: Clips, stacker: Detector, others: Sequence[Detector], fits: Fits, *, seed: int) -> Fits:
    """Fit a detector that learns from the others' answers, which are all out of fold already, for every purpose."""
    by_detector = {other.name: _scores_of(clips, other, fits) for other in others}
    generators = sorted(set(clips.labelled.set[clips.labelled.is_fake].tolist()))
    return {
        (stacker.name, purpose): list(
            fit_and_predict(stacker, _vectors(by_detector, purpose.without), clips.labelled, purpose, seed=seed)
        )
        for purpose in purposes(generators)
    }


def _vectors(
    by_detector: Mapping[str, Mapping[tuple[int, str, str, str], float]], without: str
) -> Callable[[int], Seen]:
    """What a stacking detector sees of a clip: the others' answers, by models that didn't see `without` where there
    are such of it."""
    conditions = sorted(
        {(condition, severity) for scores in by_detector.values() for _, condition, severity, _ in scores}
    )

    def seen(clip: int) -> dict[tuple[str, str], Values | str]:
        return {key: _vector(by_detector, clip, key, without) for key in conditions}

    return seen


def _vector(
    by_detector: Mapping[str, Mapping[tuple[int, str, str, str], float]], clip: int, key: tuple[str, str], without: str
) -> Values:
    answers = [
        scores.get((clip, *key, without), scores.get((clip, *key, ""), np.nan)) for scores in by_detector.values()
    ]
    return np.array(answers, np.float32)


def _scores_of(clips: Clips, detector: Detector, fits: Fits) -> dict[tuple[int, str, str, str], float]:
    """(clip, condition, severity, fitted_without) -> score, nan for an abstention."""
    return {
        (place, condition, severity, without): np.nan if score is None else score
        for place, condition, severity, without, score, _ in _said(clips, detector, fits)
    }


def _rows(
    clips: Clips, detector: Detector, fits: Fits, ranks: Mapping[tuple[str, str], int]
) -> Iterator[tuple[object, ...]]:
    labelled = clips.labelled
    for place, condition, severity, without, score, abstained in _said(clips, detector, fits):
        yield (
            place,
            labelled.set[place],
            clips.names[place],
            bool(labelled.is_fake[place]),
            labelled.cluster[place],
            int(labelled.fold[place]),
            detector.name,
            condition,
            severity,
            ranks.get((condition, severity), 0),
            without,
            np.nan if score is None else score,
            abstained,
        )


def _said(clips: Clips, detector: Detector, fits: Fits) -> Iterator[tuple[int, str, str, str, float | None, str]]:
    """(place, condition, severity, fitted_without, score, abstained) of all answers that go into the table."""
    if not detector.is_fitted:
        for place, answers in enumerate(clips.answers):
            for answer in answers:
                if answer.detector == detector.name:
                    score = None if answer.given is None else float(answer.given)
                    yield place, answer.condition, answer.severity, "", score, answer.abstained
        return
    for (name, purpose), predictions in fits.items():
        if name == detector.name and purpose.kind not in CONTROLS:
            for given in predictions:
                yield given.clip, given.condition, given.severity, purpose.without, given.score, given.abstained


def _control(clips: Clips, detector: Detector, purpose: Purpose, fits: Fits, *, draws: int, seed: int) -> Control:
    """A fitted detector is judged as fitted on the control's labels, a finished one by its answers as they are."""
    labels, take_part = labels_for(purpose, clips.labelled, seed=seed)
    scores = np.full(len(clips.names), np.nan)
    if detector.is_fitted:
        for given in fits.get((detector.name, purpose), ()):
            scores[given.clip] = np.nan if given.score is None else given.score
    else:
        for place, condition, _, _, score, _ in _said(clips, detector, fits):
            if condition == MATCHED and score is not None:
                scores[place] = score
    return control(
        purpose.kind,
        detector.name,
        scores[take_part],
        labels[take_part],
        clips.labelled.cluster[take_part],
        draws=draws,
        seed=seed,
    )


def trivial_table(clips: Clips, trivial: Sequence[Mapping[str, Mapping[str, float | str]]]) -> pd.DataFrame:
    """The clips' trivial features as `shortcuts.probe` takes them: a row a clip and stage."""
    labelled = clips.labelled
    rows = [
        {
            "set": labelled.set[place],
            "clip": clips.names[place],
            "is_fake": bool(labelled.is_fake[place]),
            "cluster": labelled.cluster[place],
            "stage": stage,
            **features[stage],
        }
        for place, features in enumerate(trivial)
        for stage in (ORIGINAL, MATCHED)
        if stage in features
    ]
    return pd.DataFrame(rows)
