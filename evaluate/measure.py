"""Measures one video: the features and scores that the asked-for metrics read, and why any of them is missing."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from curate import plugins
from curate.errors import EmoforgeError, MediaError
from curate.scorers.sync_correlation import speech_envelope_db
from evaluate.observation import Observation, Picture
from evaluate.videos import Video

THUMBNAIL_PX = 240
NO_PAIR = "no_pair: the reference holds no video of this name"


@dataclass(frozen=True, kw_only=True, eq=False)
class Measured:
    """What one video gave.

    `features`: name -> (k, d), k frames; `scores`: name -> number; `failures`: feature or scorer name -> reason.
    `series`: name -> (F,), a number a frame of the face track at 25 fps: `mouth_aperture`, `envelope_db` (with sound),
    `sharpness`, `luminance`. `n_frames` chosen frames, `n_track_frames` of the face track that scorers read.
    `thumbnail`: JPEG bytes of its middle chosen frame, None when it can't be decoded.
    """

    name: str
    stem: str
    features: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)
    scores: Mapping[str, float] = field(default_factory=dict)
    failures: Mapping[str, str] = field(default_factory=dict)
    series: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)
    n_frames: int = 0
    n_track_frames: int = 0
    thumbnail: bytes | None = None


def measure(
    video: Video,
    *,
    features: Sequence[str],
    scorers: Sequence[str],
    max_frames: int | None,
    pairs: Sequence[str] = (),
    reference: Video | None = None,
) -> Measured:
    """Run feature plug-ins, curate's scorers, and measures that compare with the `reference` of the same stem.

    What fails is recorded by name with its reason; without a reference the pairs do.
    """
    try:
        observation = Observation(media=video.media(), max_frames=max_frames)
        pictures = observation.pictures
    except (EmoforgeError, OSError) as error:
        return unmeasured(video, _reason(error), names=(*features, *scorers, *pairs))
    failures: dict[str, str] = {}
    vectors = _extract(observation, features, failures)
    scores = _score(observation, scorers, failures)
    scores |= _compare(observation, pairs, reference, failures)
    return Measured(
        name=video.name,
        stem=video.stem,
        features=vectors,
        scores=scores,
        failures=failures,
        series=_series(observation) if scorers else {},
        n_frames=len(pictures),
        n_track_frames=_track_frames(observation) if scores else 0,
        thumbnail=thumbnail(pictures[len(pictures) // 2]),
    )


def unmeasured(video: Video, reason: str, *, names: Sequence[str]) -> Measured:
    """A video that gave nothing: every feature and scorer in `names` fails for the one reason."""
    return Measured(name=video.name, stem=video.stem, failures=dict.fromkeys(names, reason))


def thumbnail(picture: Picture) -> bytes:
    """JPEG of a frame, its longer side at most 240 px."""
    image = Image.fromarray(picture.image)
    image.thumbnail((THUMBNAIL_PX, THUMBNAIL_PX))
    buffer = io.BytesIO()
    image.save(buffer, format="JPEG", quality=85)
    return buffer.getvalue()


def _extract(
    observation: Observation, features: Sequence[str], failures: dict[str, str]
) -> dict[str, NDArray[np.float32]]:
    vectors = {}
    for name in features:
        try:
            vectors[name] = plugins.load("evaluate.features", name)(observation)
        except (EmoforgeError, OSError) as error:
            failures[name] = _reason(error)
    return vectors


def _score(observation: Observation, scorers: Sequence[str], failures: dict[str, str]) -> dict[str, float]:
    scores: dict[str, float] = {}
    for name in scorers:
        try:
            given = plugins.load("curate.scorers", name)(observation.clip_media)
        except (EmoforgeError, OSError) as error:
            failures[name] = _reason(error)
            continue
        numbers = {f"{name}_{part}": n for part, n in given.items()} if isinstance(given, dict) else {name: given}
        scores |= {part: float(number) for part, number in numbers.items() if number is not None}
        if all(number is None for number in numbers.values()):
            failures[name] = "not_measurable: no sound, silence, or too short"
    return scores


def _compare(
    observation: Observation, pairs: Sequence[str], reference: Video | None, failures: dict[str, str]
) -> dict[str, float]:
    if not pairs:
        return {}
    if reference is None:
        failures |= dict.fromkeys(pairs, NO_PAIR)
        return {}
    scores: dict[str, float] = {}
    real: Observation | None = None
    for name in pairs:
        try:
            real = real or Observation(media=reference.media(), max_frames=observation.max_frames)
            given = plugins.load("evaluate.pairs", name)(observation, real)
        except (EmoforgeError, OSError) as error:
            failures[name] = _reason(error)
            continue
        scores |= {f"{name}_{part}" if part else name: float(number) for part, number in given.items()}
    return scores


def _series(observation: Observation) -> dict[str, NDArray[np.float32]]:
    """What the report draws over time; nothing without a face."""
    try:
        media = observation.clip_media
    except EmoforgeError:
        return {}
    track = media.track
    series = {"mouth_aperture": track.mouth_aperture, "sharpness": track.sharpness, "luminance": track.luminance}
    if media.audio is not None:
        series["envelope_db"] = speech_envelope_db(media.audio, n_frames=len(track)).astype(np.float32)
    return series


def _track_frames(observation: Observation) -> int:
    try:
        return len(observation.track)
    except EmoforgeError:
        return 0


def _reason(error: EmoforgeError | OSError) -> str:
    return f"{error.reason}: {error}" if isinstance(error, MediaError) else f"unreadable: {error}"
