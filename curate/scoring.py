"""Scores a clip, cheap scorers first, and says which threshold drops it."""

import typing
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from curate import plugins
from curate.clip_media import ClipMedia
from curate.errors import ConfigError
from curate.records import Decision, Threshold

Scores = dict[str, float | None]


def score_names(scorer: str) -> list[str]:
    """Return the names of a scorer's numbers: its own, or `scorer_part` for each key of the TypedDict it returns."""
    kind = typing.get_type_hints(plugins.load("curate.scorers", scorer))["return"]
    parts = list(typing.get_type_hints(kind)) if typing.is_typeddict(kind) else []
    return [f"{scorer}_{part}" for part in parts] or [scorer]


def all_score_names(scorers: Sequence[str]) -> list[str]:
    """Return the names of the numbers of several scorers, in their order."""
    return [name for scorer in scorers for name in score_names(scorer)]


def check_thresholds(keep: Mapping[str, Threshold], scorers: Sequence[str]) -> None:
    """ConfigError unless every threshold names a number that one of the scorers gives, in a range that isn't empty."""
    known = all_score_names(scorers)
    for name, threshold in keep.items():
        if name not in known:
            raise ConfigError(f"keep.{name}: no scorer gives that number; known: {', '.join(known)}")
        if threshold.min is not None and threshold.max is not None and threshold.min > threshold.max:
            raise ConfigError(f"keep.{name}: min {threshold.min} is above max {threshold.max}")


def score(
    media: ClipMedia, *, scorers: Sequence[str], keep: Mapping[str, Threshold], score_all: bool = False
) -> tuple[Scores, Decision]:
    """Run the scorers in order, stopping after the first that drops the clip unless `score_all`."""
    scores: Scores = {}
    decision = Decision()
    for scorer in scorers:
        given = _numbers(scorer, media)
        scores |= given
        if decision.dropped_by is None:
            missing = ": there is no audio stream" if None in given.values() and media.audio is None else ""
            decision = decide(given, {name: keep[name] for name in given if name in keep}, missing=missing)
        if decision.dropped_by is not None and not score_all:
            break
    return scores, decision


def decide(scores: Mapping[str, float | None], keep: Mapping[str, Threshold], *, missing: str = "") -> Decision:
    """Return the first threshold that drops a clip with these scores; a score that is missing is outside its range,
    and `missing` says why it is."""
    for name, threshold in keep.items():
        value = scores.get(name)
        if value is None:
            if not threshold.optional:
                return Decision(dropped_by=name, detail=f"{name} can't be measured{missing}")
        elif threshold.min is not None and value < threshold.min:
            return Decision(dropped_by=name, detail=f"{name} is {value:.4g}, under {threshold.min:g}")
        elif threshold.max is not None and value > threshold.max:
            return Decision(dropped_by=name, detail=f"{name} is {value:.4g}, over {threshold.max:g}")
    return Decision()


def sum_up(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return a source's outcome, reason, n_clips and error from its clips' `dropped_by` and `dropped_detail`."""
    dropped = [row for row in rows if row["dropped_by"] is not None]
    if len(dropped) < len(rows):
        return {"outcome": "kept", "reason": "", "n_clips": len(rows) - len(dropped), "error": ""}
    reason = Counter(row["dropped_by"] for row in dropped).most_common(1)[0][0] if dropped else "no_face"
    details = "; ".join(dict.fromkeys(row["dropped_detail"] for row in dropped))
    return {"outcome": "rejected", "reason": reason, "n_clips": 0, "error": details}


def _numbers(scorer: str, media: ClipMedia) -> Scores:
    value = plugins.load("curate.scorers", scorer)(media)
    return (
        {f"{scorer}_{part}": number for part, number in value.items()} if isinstance(value, dict) else {scorer: value}
    )
