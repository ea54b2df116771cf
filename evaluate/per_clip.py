"""How a number per clip becomes a result: the mean over clips with its interval, and the reference's mean beside it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from curate.scoring import score_names
from evaluate.intervals import bootstrap_mean
from evaluate.measure import Measured
from evaluate.protocol import feature_protocol, plugin_module, scorer_protocol, versions, weights_sha256
from evaluate.results import Baseline, Count, Coverage, Result
from evaluate.sets import Sets

Columns = Mapping[str, Mapping[str, float | str]]

AGGREGATE = "mean over clips"
PAIRED_FRAMES = "25 fps grid from frame 0 of both videos, over their common length, every frame"
NOT_MEASURED = "not_measured: the clip gave no such number"


def per_clip_result(
    sets: Sets,
    *,
    name: str,
    title: str,
    score: str,
    unit: str,
    higher_is_better: bool | None,
    scorer: str,
    notes: Sequence[str] = (),
) -> Result:
    """The mean of `score`, one of the numbers of curate's `scorer`; all its numbers become columns of the clips' table.

    `unit` goes into the protocol; `higher_is_better` is None where nearer to the reference is better.
    """
    return clip_means(
        sets,
        name=name,
        title=title,
        higher_is_better=higher_is_better,
        generated=_numbers(sets.generated, score),
        reference=_numbers(sets.reference, score),
        source=scorer,
        protocol={"unit": unit, "number": score, **scorer_protocol(scorer)},
        notes=notes,
        columns=_columns(sets.generated, score_names(scorer)),
        reference_columns=_columns(sets.reference, score_names(scorer)),
    )


def offset_result(sets: Sets, *, name: str, title: str, score: str, scorer: str, note: str) -> Result:
    """The mean size of an offset in seconds, `score`, whose sign stays in the clips' columns; lower is better."""
    generated, reference = _numbers(sets.generated, score), _numbers(sets.reference, score)
    return clip_means(
        sets,
        name=name,
        title=title,
        higher_is_better=False,
        generated={clip: abs(offset) for clip, offset in generated.items()},
        reference={clip: abs(offset) for clip, offset in reference.items()},
        source=scorer,
        protocol={"unit": "s", "number": f"absolute {score}", **scorer_protocol(scorer)},
        notes=(note,),
        columns=_columns(sets.generated, [score]),
        reference_columns=_columns(sets.reference, [score]),
    )


def per_pair_result(
    sets: Sets, *, name: str, title: str, score: str, unit: str, higher_is_better: bool, pair: str
) -> Result:
    """The mean of `score`, one of the numbers of the pair measure `pair`; the reference has none of its own."""
    return clip_means(
        sets,
        name=name,
        title=title,
        higher_is_better=higher_is_better,
        generated=_numbers(sets.generated, score),
        reference=None,
        source=pair,
        protocol={"unit": unit, "number": score, **_pair_protocol(pair)},
        frames_of=lambda clip: round(clip.scores[f"{pair}_frames"]),
        columns=_columns(sets.generated, sorted({s for clip in sets.generated for s in clip.scores if _of(pair, s)})),
    )


def per_feature_result(
    sets: Sets,
    *,
    name: str,
    title: str,
    unit: str,
    number: str,
    higher_is_better: bool | None,
    feature: str,
    of: Callable[[NDArray[np.float32]], float | None],
) -> Result:
    """The mean of a number that `of` makes of each clip's `feature` (k, d); `number` says in words what it makes."""
    return clip_means(
        sets,
        name=name,
        title=title,
        higher_is_better=higher_is_better,
        generated=_made(sets.generated, feature, of),
        reference=_made(sets.reference, feature, of),
        source=feature,
        protocol={"unit": unit, "number": number, **feature_protocol(feature, max_frames=None)},
    )


def clip_means(
    sets: Sets,
    *,
    name: str,
    title: str,
    higher_is_better: bool | None,
    generated: Mapping[str, float],
    reference: Mapping[str, float] | None,
    source: str,
    protocol: Mapping[str, Any],
    reasons: Mapping[str, str] | None = None,
    notes: Sequence[str] = (),
    detail: Mapping[str, float | int | str] | None = None,
    columns: Columns | None = None,
    reference_columns: Columns | None = None,
    reference_how: str = "the reference clips' mean",
    frames_of: Callable[[Measured], int] | None = None,
) -> Result:
    """The result of clip name -> number on both sides; a clip without one counts as failed.

    Why it failed is said by `reasons` (clip name -> reason), or by the feature, scorer or pair that it was read from,
    `source`. `reference` is None where the reference can't have such a number. `frames_of` counts a measured clip's
    frames, those of its face track unless told. Means are taken in the order of the clips' names, so that no order of
    measuring changes a bit.
    """
    real = reference or {}
    measured = covered(sets.generated, generated, source, reasons or {})
    frames_of = frames_of or _track_frames
    real_n = count(sets.reference, real, frames_of)
    return Result(
        name=name,
        title=title,
        value=mean(generated),
        absent=None if generated else _why_absent(measured),
        higher_is_better=higher_is_better,
        protocol={"metric": name, "aggregate": AGGREGATE, **protocol},
        reference_n=None if reference is None else real_n,
        generated_n=count(sets.generated, generated, frames_of),
        interval=bootstrap_mean(generated, clusters=sets.clusters),
        reference_interval=bootstrap_mean(real, clusters=sets.clusters),
        reference_value=_baseline(real, reference_how, real_n),
        reference_coverage=None if reference is None else covered(sets.reference, real, source, {}),
        generated_coverage=measured,
        detail=detail or {},
        notes=tuple(notes) if generated else (),
        per_clip={name: generated} if columns is None else columns,
        per_reference_clip={name: real} if reference_columns is None else reference_columns,
    )


def mean(values: Mapping[str, float]) -> float | None:
    """Over clips, added up in the order of their names; None without any."""
    return float(np.mean([values[name] for name in sorted(values)])) if values else None


def covered(
    clips: Sequence[Measured], values: Mapping[str, float], source: str, reasons: Mapping[str, str]
) -> Coverage:
    """Count the clips that have a number; the others are named with their reason."""
    missing = [clip for clip in clips if clip.name not in values]
    failed = {clip.name: reasons.get(clip.name) or clip.failures.get(source, NOT_MEASURED) for clip in missing}
    return Coverage(measured=len(clips) - len(failed), total=len(clips), failed=dict(sorted(failed.items())))


def count(clips: Sequence[Measured], values: Mapping[str, float], frames_of: Callable[[Measured], int]) -> Count:
    """The clips that have a number, and their frames."""
    seen = [clip for clip in clips if clip.name in values]
    return Count(frames=sum(map(frames_of, seen)), clips=len(seen))


def _track_frames(clip: Measured) -> int:
    return clip.n_track_frames or clip.n_frames  # a clip whose face was not followed has its chosen frames


def _numbers(clips: Sequence[Measured], score: str) -> dict[str, float]:
    return {clip.name: clip.scores[score] for clip in clips if score in clip.scores}


def _made(
    clips: Sequence[Measured], feature: str, of: Callable[[NDArray[np.float32]], float | None]
) -> dict[str, float]:
    made = {clip.name: of(clip.features[feature]) for clip in clips if feature in clip.features}
    return {name: value for name, value in made.items() if value is not None}


def _columns(clips: Sequence[Measured], scores: Sequence[str]) -> dict[str, dict[str, float | str]]:
    columns = {score: dict[str, float | str](_numbers(clips, score)) for score in scores}
    return {score: column for score, column in columns.items() if column}


def _of(plugin: str, score: str) -> bool:
    return score == plugin or score.startswith(f"{plugin}_")


def _pair_protocol(pair: str) -> dict[str, Any]:
    module = plugin_module("evaluate.pairs", pair)
    return {
        "pair": {"name": pair, **module.PROTOCOL},
        "frames": PAIRED_FRAMES,
        "weights": weights_sha256(module.WEIGHTS),
        "versions": versions(module.PACKAGES),
    }


def _baseline(values: Mapping[str, float], how: str, n: Count) -> Baseline | None:
    value = mean(values)
    return None if value is None else Baseline(value=value, how=how, n=(n,))


def _why_absent(measured: Coverage) -> str:
    if not measured.failed:
        return "there is no generated clip"
    (reason, clips), *_ = Counter(measured.failed.values()).most_common(1)
    return f"none of the {measured.total} generated clips could be measured; of {clips}: {reason}"
