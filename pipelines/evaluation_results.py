"""From measured clips to an evaluation's results: systems beside the reference, or the reference's statistics."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from curate.errors import EmoforgeError
from pipelines.measuring import Measuring, videos_at

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from evaluate.evaluation import Plan
    from evaluate.measure import Measured
    from evaluate.system import System

log = logging.getLogger(__name__)


def compute_systems(
    measuring: Measuring,
    measured: "Mapping[str, Sequence[Measured]]",
    *,
    portraits: Path | None,
    statistics: Path | None,
) -> "list[System]":
    """Return every generated system with its results; `statistics` stand for the reference where they are given."""
    from evaluate.evaluation import compute
    from evaluate.set_statistics import load_statistics
    from evaluate.sets import Sets
    from evaluate.system import REFERENCE, System

    faces = _portraits(portraits, measuring.plan)
    stored = {} if statistics is None else load_statistics(statistics)
    systems = []
    for label in (label for label in measured if label != REFERENCE):
        sets = Sets(
            reference=tuple(measured.get(REFERENCE, ())),
            generated=tuple(measured[label]),
            portraits=faces,
            max_frames=measuring.max_frames,
            statistics=stored,
            clusters=_clusters(measuring),
        )
        systems.append(System(name=label, sets=sets, results=compute(measuring.plan, sets)))
    return systems


def write_statistics(file: Path, measuring: Measuring, clips: "Sequence[Measured]") -> list[str]:
    """Write the reference's statistics of every feature that enough of its clips have; return which these are."""
    from evaluate.protocol import feature_protocol
    from evaluate.set_statistics import MIN_CLIPS, save_statistics, set_statistics, split

    clusters = _clusters(measuring)
    statistics = {}
    for feature in measuring.plan.features:
        having = [clip for clip in clips if feature in clip.features]
        if len(having) < MIN_CLIPS:
            log.warning("%s: only %d clips have it, so it is left out", feature, len(having))
            continue
        parts = split(having, size=len(having) // 2, clusters=clusters)
        protocol = feature_protocol(feature, max_frames=measuring.max_frames)
        statistics[feature] = set_statistics(parts, feature, protocol=protocol)
    if not statistics:
        raise EmoforgeError("the reference has too few clips for any statistics")
    save_statistics(statistics, file)
    return list(statistics)


def _clusters(measuring: Measuring) -> dict[str, str]:
    """Return clip name -> identity or source, of those known to share one."""
    videos = [video for place in measuring.places.values() for video in videos_at(place)]
    return {video.name: video.cluster for video in videos if video.cluster is not None}


def _portraits(folder: Path | None, plan: "Plan") -> "dict[str, NDArray[np.float32] | str] | None":
    from evaluate.portraits import embed_portrait, list_portraits

    if folder is None:
        return None
    paths = list_portraits(folder)
    if "identity_dlib" not in plan.features:
        return {}
    return {path.stem: embed_portrait(path) for path in paths}
