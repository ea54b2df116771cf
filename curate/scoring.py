"""Scores a clip, cheap scorers first, and says which threshold drops it."""

import typing
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
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


def all_score_names(scorers: Sequence[str], *, repair_by: str | None = None) -> list[str]:
    """Return the names of the numbers of several scorers, in their order, and of a repair, if one is done."""
    repair = REPAIR_NAMES if repair_by in scorers else ()
    return [name for scorer in scorers for name in score_names(scorer)] + list(repair)


def needs_audio(scorers: Sequence[str], keep: Mapping[str, Threshold]) -> bool:
    """Whether a clip without sound is sure to be dropped: a scorer that reads the sound has a threshold."""
    return any(
        name in keep and not keep[name].optional
        for scorer in scorers
        if plugins.constant("curate.scorers", scorer, "NEEDS_AUDIO", False)
        for name in score_names(scorer)
    )


def check_thresholds(keep: Mapping[str, Threshold], scorers: Sequence[str]) -> None:
    """ConfigError unless every threshold names a number that one of the scorers gives, in a range that isn't empty."""
    known = all_score_names(scorers)
    for name, threshold in keep.items():
        if name not in known:
            raise ConfigError(f"keep.{name}: no scorer gives that number; known: {', '.join(known)}")
        if threshold.min is not None and threshold.max is not None and threshold.min > threshold.max:
            raise ConfigError(f"keep.{name}: min {threshold.min} is above max {threshold.max}")


@dataclass(frozen=True, kw_only=True, eq=False)
class Scored:
    """A clip's media (its sound shifted where that was found to be late or early), scores and decision."""

    media: ClipMedia
    scores: Scores
    decision: Decision


REPAIR_NAMES = ("audio_shift_s", "sync_offset_before_s", "sync_confidence_before")
MIN_SHIFT_S = 0.1  # what is claimed may be wrong by two frames, 0.08 s: a smaller offset may be none


def score(
    media: ClipMedia,
    *,
    scorers: Sequence[str],
    keep: Mapping[str, Threshold],
    score_all: bool = False,
    repair_by: str | None = None,
) -> Scored:
    """Run the scorers in order, stopping after the first that drops the clip unless `score_all`.

    Where the scorer `repair_by` claims an offset (its `offset_s`) that can't be none, the sound is shifted by it: that
    scorer runs again, the later ones run on the mended clip, and REPAIR_NAMES say what was done.
    """
    scores: Scores = {}
    decision = Decision()
    for scorer in scorers:
        given = numbers(scorer, media)
        if scorer == repair_by:
            media, given = _repaired(media, scorer, given)
        scores |= given
        if decision.dropped_by is None:
            missing = ": there is no audio stream" if None in given.values() and media.audio is None else ""
            decision = decide(given, {name: keep[name] for name in given if name in keep}, missing=missing)
        if decision.dropped_by is not None and not score_all:
            break
    return Scored(media=media, scores=scores, decision=decision)


def _repaired(media: ClipMedia, scorer: str, given: Scores) -> tuple[ClipMedia, Scores]:
    offset_s, confidence = given[f"{scorer}_offset_s"], given[f"{scorer}_confidence"]
    before: Scores = {"sync_offset_before_s": offset_s, "sync_confidence_before": confidence}
    if offset_s is None or abs(offset_s) < MIN_SHIFT_S:
        return media, given | before | {"audio_shift_s": 0.0}
    mended = replace(media, audio_shift_s=media.audio_shift_s + offset_s)
    return mended, numbers(scorer, mended) | before | {"audio_shift_s": offset_s}


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


def numbers(scorer: str, media: ClipMedia) -> Scores:
    """Return one scorer's numbers by their full names."""
    value = plugins.load("curate.scorers", scorer)(media)
    return (
        {f"{scorer}_{part}": number for part, number in value.items()} if isinstance(value, dict) else {scorer: value}
    )
