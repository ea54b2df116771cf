"""How like a person's frames are to what they should show: cosines to a portrait, a reference, or the first frame."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evaluate.measure import Measured
from evaluate.per_clip import clip_means
from evaluate.protocol import feature_protocol
from evaluate.results import Result
from evaluate.sets import Sets

REFERENCE_RULE = (
    "the first frame of the reference clip of the same stem; else the clip's own first frame, which is then left out"
)
PORTRAIT_RULE = f"the portrait of the same stem if portraits are given; else {REFERENCE_RULE}"

Portraits = Mapping[str, NDArray[np.float32] | str]


@dataclass(frozen=True, kw_only=True)
class Likeness:
    """One clip against its anchor: mean and minimum cosine, and what the anchor was."""

    mean: float
    minimum: float
    anchor: str
    n_frames: int


def likeness_result(
    sets: Sets, *, name: str, title: str, feature: str, columns: str, takes_portraits: bool, scale: str
) -> Result:
    """The mean cosine of the unit vectors of `feature` to each clip's anchor; `scale` says what its values mean.

    `columns` begins the names of the clips' columns; `takes_portraits` says that the sets' portraits are vectors of the
    same feature.
    """
    portraits = sets.portraits if takes_portraits else None
    likenesses, failed = _likenesses(sets, feature, portraits)
    real = _to_own_first_frame(sets.reference, feature)
    return clip_means(
        sets,
        name=name,
        title=title,
        higher_is_better=True,
        generated={clip: likeness.mean for clip, likeness in likenesses.items()},
        reference={clip: likeness.mean for clip, likeness in real.items()},
        source=feature,
        reasons=failed,
        protocol={
            "anchor": PORTRAIT_RULE if takes_portraits else REFERENCE_RULE,
            "number": "cosine, mean over a clip's frames",
            **feature_protocol(feature, max_frames=sets.max_frames),
        },
        notes=_notes(likenesses, scale),
        detail=_detail(likenesses),
        columns=_columns(likenesses, columns),
        reference_columns=_columns(real, columns),
        reference_how="the reference clips' mean, each against its own first frame",
        frames_of=lambda clip: len(clip.features[feature]),
    )


def _likenesses(sets: Sets, feature: str, portraits: Portraits | None) -> tuple[dict[str, Likeness], dict[str, str]]:
    """Clip -> likeness to its anchor, and clip -> why it has none although its face was found."""
    likenesses, failed = {}, {}
    firsts = {clip.stem: clip.features[feature][0] for clip in sets.reference if feature in clip.features}
    for clip in sets.generated:
        if feature not in clip.features:
            continue
        likeness = _likeness(clip.stem, clip.features[feature], portraits, firsts)
        if isinstance(likeness, str):
            failed[clip.name] = likeness
        else:
            likenesses[clip.name] = likeness
    return likenesses, failed


def _likeness(
    stem: str, frames: NDArray[np.float32], portraits: Portraits | None, firsts: Mapping[str, NDArray[np.float32]]
) -> Likeness | str:
    if portraits is not None:
        portrait = portraits.get(stem, f"no_portrait: the portraits hold none called {stem}")
        return portrait if isinstance(portrait, str) else _compare(frames, portrait, "portrait")
    if stem in firsts:
        return _compare(frames, firsts[stem], "reference")
    return _compare(frames[1:], frames[0], "own first frame")


def _to_own_first_frame(clips: Sequence[Measured], feature: str) -> dict[str, Likeness]:
    found = [(clip.name, clip.features[feature]) for clip in clips if feature in clip.features]
    compared = ((name, _compare(frames[1:], frames[0], "own first frame")) for name, frames in found)
    return {name: likeness for name, likeness in compared if not isinstance(likeness, str)}


def _compare(frames: NDArray[np.float32], anchor: NDArray[np.float32], name: str) -> Likeness | str:
    if not len(frames):
        return "too_few_frames: the face is on one chosen frame only"
    cosines = frames.astype(np.float64) @ anchor.astype(np.float64)
    return Likeness(mean=float(cosines.mean()), minimum=float(cosines.min()), anchor=name, n_frames=len(frames))


def _detail(likenesses: Mapping[str, Likeness]) -> dict[str, float | int | str]:
    if not likenesses:
        return {}
    anchors = sorted(likeness.anchor for likeness in likenesses.values())
    return {
        "minimum": min(likeness.minimum for likeness in likenesses.values()),
        **{f"clips_against_{anchor.replace(' ', '_')}": anchors.count(anchor) for anchor in sorted(set(anchors))},
    }


def _notes(likenesses: Mapping[str, Likeness], scale: str) -> tuple[str, ...]:
    anchors = sorted({likeness.anchor for likeness in likenesses.values()})
    return (f"compared with: {', '.join(anchors)}; {scale}",) if anchors else ()


def _columns(likenesses: Mapping[str, Likeness], start: str) -> dict[str, dict[str, float | str]]:
    return {
        f"{start}_mean": {name: likeness.mean for name, likeness in likenesses.items()},
        f"{start}_minimum": {name: likeness.minimum for name, likeness in likenesses.items()},
        f"{start}_anchor": {name: likeness.anchor for name, likeness in likenesses.items()},
    }
