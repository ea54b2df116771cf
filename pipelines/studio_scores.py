"""The scores of one video for the page: evaluate's own metrics on a set of one, and what each number means."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from curate import plugins
from evaluate.evaluation import plan
from evaluate.measure import Measured, measure
from evaluate.portraits import embed_portrait
from evaluate.protocol import plugin_module
from evaluate.results import Result
from evaluate.sets import Sets
from evaluate.videos import Video

MEANINGS = {  # evaluate's metric -> what it says of one video
    "sync_correlation": "Does the mouth open when the voice is loud? -1 to 1; unrelated sound already has about 0.2.",
    "sync_in_place": "Do the lips do what this very sound predicts? Speech in sync has 0.25 to 0.6, others under 0.2.",
    "mouth_in_silence": "Does the mouth rest while nobody speaks? 0 is at rest, 1 goes on talking.",
    "identity_similarity": "Is it still the person of the portrait? About 0.98 is the same person, 0.84 a stranger.",
    "sharpness_drift": "Does the face blur or harden by the end? 0 is no change, 0.69 half or twice as sharp.",
    "colour_drift": "Do the colours wander by the end? 0 is no change, 2 is just seen, 10 another picture.",
    "seam_score": "Does the picture jump where pieces are joined? 1 is no seam.",
    "head_speed": "How fast the head turns, in degrees a frame: compare it with the head speed you asked for.",
}
SHARPNESS = "sharpness"  # a scorer without a metric of its own
MAX_FRAMES = 32


@dataclass(frozen=True, kw_only=True)
class Score:
    """One number of the video, or the reason why there is none (`absent`)."""

    name: str
    title: str
    value: float | None
    meaning: str
    higher_is_better: bool | None
    absent: str | None = None


def score(video: Path, portrait: Path) -> tuple[Score, ...]:
    """Measure one video with sound; its identity is compared with the portrait's."""
    planned = plan(tuple(MEANINGS))
    clip = measure(
        Video(name=video.name, stem=video.stem, path=video),
        features=planned.features,
        scorers=(*planned.scorers, SHARPNESS),
        max_frames=MAX_FRAMES,
    )
    portraits = {video.stem: embed_portrait(portrait)} if "identity_similarity" not in planned.absent else None
    sets = Sets(reference=(), generated=(clip,), max_frames=MAX_FRAMES, portraits=portraits)
    return (*(_metric(name, sets, planned.absent) for name in MEANINGS), _sharpness(clip))


def _metric(name: str, sets: Sets, absent: Mapping[str, str]) -> Score:
    module = plugin_module("evaluate.metrics", name)
    value, why = None, absent.get(name)
    if why is None:
        result: Result = plugins.load("evaluate.metrics", name)(sets)
        value, why = result.value, _why(result)
    return Score(
        name=name,
        title=module.TITLE,
        value=value,
        meaning=MEANINGS[name],
        higher_is_better=module.HIGHER_IS_BETTER,
        absent=why,
    )


def _why(result: Result) -> str | None:
    """The clip's own reason, where there is no number; the set's would count clips."""
    if result.value is not None:
        return None
    failed: Sequence[str] = tuple(result.generated_coverage.failed.values()) if result.generated_coverage else ()
    return next(iter(failed), result.absent)


def _sharpness(clip: Measured) -> Score:
    value = clip.scores.get(SHARPNESS)
    return Score(
        name=SHARPNESS,
        title="Sharpness",
        value=value if value is not None and math.isfinite(value) else None,
        meaning="How sharp the face is: its Laplacian variance at 256 px. Compare videos of one portrait.",
        higher_is_better=True,
        absent=clip.failures.get(SHARPNESS),
    )
