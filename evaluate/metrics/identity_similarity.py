"""Whether the person stays the person: cosine between each generated frame's identity and the portrait's."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from curate.identity import SAME_PERSON_COSINE
from evaluate.measure import Measured
from evaluate.protocol import feature_protocol
from evaluate.results import Baseline, Count, Result
from evaluate.sets import Sets, coverage

TITLE = "Identity"
HIGHER_IS_BETTER = True
FEATURES = ("identity_dlib",)
SCORERS = ()
FEATURE = FEATURES[0]
ANCHOR_RULE = "the portrait of the same stem if portraits are given; else the first frame of the reference clip of the "
ANCHOR_RULE += "same stem; else the clip's own first frame, which is then left out"


@dataclass(frozen=True, kw_only=True)
class Likeness:
    """One clip against its anchor: mean and minimum cosine, and what the anchor was."""

    mean: float
    minimum: float
    anchor: str
    n_frames: int


def identity_similarity(sets: Sets) -> Result:
    """Higher is better: about 0.98 for one person, 0.84 for two (dlib's cosines sit high; see curate.identity)."""
    likenesses, failed = _likenesses(sets)
    real = _to_own_first_frame(sets.reference)
    measured = coverage(sets.generated, FEATURE)
    return Result(
        name="identity_similarity",
        title=TITLE,
        value=_mean(likenesses),
        absent=None if likenesses else "no generated clip has a face and something to compare it with",
        higher_is_better=HIGHER_IS_BETTER,
        protocol={
            "metric": "identity_similarity",
            "anchor": ANCHOR_RULE,
            "aggregate": "cosines: mean over a clip's frames, then mean over clips",
            **feature_protocol(FEATURE, max_frames=sets.max_frames),
        },
        reference_n=_count(real),
        generated_n=_count(likenesses),
        reference_value=_reference_value(real),
        reference_coverage=coverage(sets.reference, FEATURE),
        generated_coverage=measured.with_failed(failed),
        detail=_detail(likenesses),
        notes=_notes(likenesses),
        per_clip=_columns(likenesses),
        per_reference_clip=_columns(real),
    )


def _likenesses(sets: Sets) -> tuple[dict[str, Likeness], dict[str, str]]:
    """Clip -> likeness to its anchor, and clip -> why it has none although its face was found."""
    likenesses, failed = {}, {}
    firsts = {clip.stem: clip.features[FEATURE][0] for clip in sets.reference if FEATURE in clip.features}
    for clip in sets.generated:
        if FEATURE not in clip.features:
            continue
        likeness = _likeness(clip, sets, firsts)
        if isinstance(likeness, str):
            failed[clip.name] = likeness
        else:
            likenesses[clip.name] = likeness
    return likenesses, failed


def _likeness(clip: Measured, sets: Sets, firsts: dict[str, NDArray[np.float32]]) -> Likeness | str:
    frames = clip.features[FEATURE]
    if sets.portraits is not None:
        portrait = sets.portraits.get(clip.stem, f"no_portrait: the portraits hold none called {clip.stem}")
        return portrait if isinstance(portrait, str) else _compare(frames, portrait, "portrait")
    if clip.stem in firsts:
        return _compare(frames, firsts[clip.stem], "reference")
    return _compare(frames[1:], frames[0], "own first frame")


def _to_own_first_frame(clips: Sequence[Measured]) -> dict[str, Likeness]:
    found = [(clip.name, clip.features[FEATURE]) for clip in clips if FEATURE in clip.features]
    compared = ((name, _compare(frames[1:], frames[0], "own first frame")) for name, frames in found)
    return {name: likeness for name, likeness in compared if not isinstance(likeness, str)}


def _compare(frames: NDArray[np.float32], anchor: NDArray[np.float32], name: str) -> Likeness | str:
    if not len(frames):
        return "too_few_frames: the face is on one chosen frame only"
    cosines = frames.astype(np.float64) @ anchor.astype(np.float64)
    return Likeness(mean=float(cosines.mean()), minimum=float(cosines.min()), anchor=name, n_frames=len(frames))


def _mean(likenesses: dict[str, Likeness]) -> float | None:
    return float(np.mean([likeness.mean for likeness in likenesses.values()])) if likenesses else None


def _reference_value(real: dict[str, Likeness]) -> Baseline | None:
    value = _mean(real)
    how = "the reference clips' mean, each against its own first frame"
    return None if value is None else Baseline(value=value, how=how, n=(_count(real),))


def _count(likenesses: dict[str, Likeness]) -> Count:
    return Count(frames=sum(likeness.n_frames for likeness in likenesses.values()), clips=len(likenesses))


def _detail(likenesses: dict[str, Likeness]) -> dict[str, float | int | str]:
    if not likenesses:
        return {}
    anchors = sorted(likeness.anchor for likeness in likenesses.values())
    return {
        "minimum": min(likeness.minimum for likeness in likenesses.values()),
        "same_person_cosine": SAME_PERSON_COSINE,
        **{f"clips_against_{anchor.replace(' ', '_')}": anchors.count(anchor) for anchor in sorted(set(anchors))},
    }


def _notes(likenesses: dict[str, Likeness]) -> tuple[str, ...]:
    anchors = sorted({likeness.anchor for likeness in likenesses.values()})
    if not anchors:
        return ()
    scale = f"one person is near 0.98, strangers near 0.84, dlib's own limit is {SAME_PERSON_COSINE}"
    return (f"compared with: {', '.join(anchors)}; {scale}",)


def _columns(likenesses: dict[str, Likeness]) -> dict[str, dict[str, float | str]]:
    return {
        "identity_mean": {name: likeness.mean for name, likeness in likenesses.items()},
        "identity_minimum": {name: likeness.minimum for name, likeness in likenesses.items()},
        "identity_anchor": {name: likeness.anchor for name, likeness in likenesses.items()},
    }
