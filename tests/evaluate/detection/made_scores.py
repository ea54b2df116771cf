"""Tables of scores by detectors of a known strength, for the tests of everything that comes after scoring."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from evaluate.detection.score_table import COLUMNS, MATCHED, ORIGINAL, REAL

STRENGTHS: Mapping[str, float] = {"sharp": 2.5, "weak": 0.6}
CONDITIONS: Mapping[str, Sequence[str]] = {"h264": ("crf 28", "crf 40"), "noise": ("sigma 4",)}


def made_scores(
    *,
    strengths: Mapping[str, float] = STRENGTHS,
    generators: Sequence[str] = ("EMO", "VASA"),
    people: int = 10,
    clips_each: int = 3,
    conditions: Mapping[str, Sequence[str]] = CONDITIONS,
    fitted: Sequence[str] = (),
    abstains: Mapping[str, float] = {},
    folds: int = 5,
    seed: int = 0,
) -> pd.DataFrame:
    """Detectors whose scores of generated clips lie `strengths` standard deviations above those of real ones.

    Every set has people of its own, `clips_each` clips each, whose scores are alike. Perturbation takes 30 % of the
    strength a step. `fitted` detectors also have rows without each generator; `abstains`: the share without an answer.
    """
    random = np.random.default_rng(seed)
    clips = _clips((REAL, *generators), people, clips_each, folds)
    person = dict(zip(clips.cluster.unique(), random.normal(0, 0.5, clips.cluster.nunique()), strict=True))
    like_person = clips.cluster.map(person).to_numpy(float)
    tables = []
    for detector, strength in strengths.items():
        silent = random.random(len(clips)) < abstains.get(detector, 0.0)
        own = like_person + random.normal(0, 0.7, len(clips))
        for condition, severity, rank, without in _rows(conditions, generators if detector in fitted else ()):
            logit = own + strength * 0.7**rank * clips.is_fake + random.normal(0, 0.2, len(clips)) * bool(rank)
            tables.append(
                clips.assign(
                    detector=detector,
                    condition=condition,
                    severity=severity,
                    severity_rank=rank,
                    fitted_without=without,
                    score=np.where(silent, np.nan, 1 / (1 + np.exp(-logit))),
                    abstained=np.where(silent, "no_face: none can be followed", ""),
                )
            )
    return pd.concat(tables, ignore_index=True)[[*COLUMNS]]


def known_scores(name: str, score: Any, *, clips: int = 12) -> pd.DataFrame:
    """One detector, `score(is_fake, number of the clip)`, on as many real as generated clips, each its own cluster."""
    table = _clips((REAL, "fake"), clips, 1, 3)
    scores = [float(score(fake, number % clips)) for number, fake in enumerate(table.is_fake)]
    known = {"detector": name, "condition": MATCHED, "severity": "", "severity_rank": 0, "fitted_without": ""}
    abstained = ["" if value == value else "no_face: none" for value in scores]
    return table.assign(**known, score=scores, abstained=abstained)[[*COLUMNS]]


def _clips(sets: Sequence[str], people: int, clips_each: int, folds: int) -> pd.DataFrame:
    rows = [
        {
            "set": name,
            "clip": f"{name}_{person:02d}_{number}.mp4",
            "is_fake": name != REAL,
            "cluster": f"{name} person {person}",
            "fold": person % folds,
        }
        for name in sets
        for person in range(people)
        for number in range(clips_each)
    ]
    return pd.DataFrame(rows)


def _rows(conditions: Mapping[str, Sequence[str]], without: Sequence[str]) -> list[tuple[str, str, int, str]]:
    rows = [(ORIGINAL, "", 0, ""), (MATCHED, "", 0, "")]
    rows += [(name, label, rank, "") for name, labels in conditions.items() for rank, label in enumerate(labels, 1)]
    return rows + [(MATCHED, "", 0, generator) for generator in without]
