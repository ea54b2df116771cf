"""Which clips of all sets belong together, because they show one person, come from one source, or are copies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from curate.clusters import identity_clusters
from curate.duplicates import clusters, fingerprints, near_duplicates
from curate.splits import components


@dataclass(frozen=True, kw_only=True, eq=False)
class Marks:
    """What a clip is known by: its `source` (equal for clips of one), and as far as its face was found who it shows,
    and its fingerprints, made of `duration_s`."""

    source: str
    duration_s: float = 0.0
    identity: NDArray[np.float32] = field(default_factory=lambda: np.zeros(128, np.float32))
    frame_hashes: Sequence[int] = ()
    audio_fingerprint: Sequence[int] = ()


def components_of(clips: Sequence[Marks]) -> NDArray[np.str_]:
    """The component (n,) of each clip: what identity, source, and shared pictures or sound join, over all sets.

    A real clip and the fake that speaks with its voice are one component, and so are two fakes of one portrait. Give
    the clips in an order of their own (by set and name): names of components follow it.
    """
    order = np.arange(len(clips))
    identity = np.stack([clip.identity for clip in clips])
    marks = fingerprints(
        duration_s=np.array([clip.duration_s for clip in clips], np.float64),
        frame_hashes=_ragged([np.asarray(clip.frame_hashes, np.int64) for clip in clips]),
        audio_fingerprint=_ragged([np.asarray(clip.audio_fingerprint, np.int32) for clip in clips]),
        identity=identity,
    )
    copies = clusters(len(clips), near_duplicates(marks)) if len(clips) > 1 else order
    sources = np.array([clip.source for clip in clips])
    return components(sources, identity_clusters(identity), copies)


def _ragged(rows: Sequence[NDArray[np.generic]]) -> tuple[NDArray, NDArray[np.int64]]:  # type: ignore[type-arg]
    offsets = np.concatenate([[0], np.cumsum([len(row) for row in rows])]).astype(np.int64)
    return np.concatenate(rows), offsets
