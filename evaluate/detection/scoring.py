"""Scores one clip: by every detector, as it came, matched, and under every perturbation of the matched one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from curate.errors import EmoforgeError, MediaError
from evaluate.detection.components import Marks
from evaluate.detection.detector import Abstention, Detector, Values, run_detector
from evaluate.detection.matching import Matched, Matching, match
from evaluate.detection.perturbing import Perturbation, perturbed
from evaluate.detection.recording_files import read_recording
from evaluate.detection.score_table import MATCHED, ORIGINAL
from evaluate.detection.trivial_features import trivial_features
from evaluate.observation import Observation

PICTURES = 32  # of a video that detectors of pictures look at, as DeepfakeBench does

Media = Path | bytes
Features = Mapping[str, float | str]


@dataclass(frozen=True, kw_only=True, eq=False)
class Answer:
    """What a detector said of the clip under a condition: a probability, what its model will see, or None, abstained
    for the reason in `abstained`."""

    detector: str
    condition: str
    severity: str = ""
    severity_rank: int = 0
    given: float | Values | None = None
    abstained: str = ""


@dataclass(frozen=True, kw_only=True, eq=False)
class ClipScores:
    """All that is kept of one clip: answers, trivial features by stage, its marks, and the matched MP4 (None where it
    couldn't be matched)."""

    answers: tuple[Answer, ...]
    trivial: Mapping[str, Features] = field(default_factory=dict)
    marks: Marks
    video: bytes | None = None


def score_clip(
    media: Media,
    *,
    source: str,
    detectors: Sequence[Detector],
    perturbations: Sequence[Perturbation],
    matching: Matching,
) -> ClipScores:
    """Score one video. What goes wrong with it is an abstention of every detector, with the reason; nothing raises.

    `source` is shared by clips of one source. Detectors that stack others' answers are left out here. The matched video
    is decoded once for all perturbations.
    """
    asked = [detector for detector in detectors if not detector.stacks]
    observation = Observation(media=media, max_frames=PICTURES)
    answers = _ask(asked, observation, Answer(detector="", condition=ORIGINAL))
    trivial = {ORIGINAL: features} if (features := _trivial(media)) else {}
    try:
        matched = match(observation, matching)
    except (EmoforgeError, OSError) as error:
        answers += _all_abstain(asked, perturbations, reason_of(error))
        return ClipScores(answers=tuple(answers), trivial=trivial, marks=Marks(source=source))
    trivial |= {MATCHED: features} if (features := _trivial(matched.video)) else {}
    answers += _matched_answers(asked, matched, perturbations)
    return ClipScores(answers=tuple(answers), trivial=trivial, marks=_marks(source, matched), video=matched.video)


def unscored(
    reason: str, *, source: str, detectors: Sequence[Detector], perturbations: Sequence[Perturbation]
) -> ClipScores:
    """A clip of which nothing is known: every detector abstains under every condition, for the one reason."""
    asked = [detector for detector in detectors if not detector.stacks]
    original = [Answer(detector=each.name, condition=ORIGINAL, abstained=reason) for each in asked]
    answers = (*original, *_all_abstain(asked, perturbations, reason))
    return ClipScores(answers=answers, marks=Marks(source=source))


def reason_of(error: EmoforgeError | OSError) -> str:
    """`reason: sentence`, as abstentions are said."""
    return f"{error.reason}: {error}" if isinstance(error, MediaError) else f"failed: {error}"


def _matched_answers(
    detectors: Sequence[Detector], matched: Matched, perturbations: Sequence[Perturbation]
) -> list[Answer]:
    clean = _ask(
        detectors, Observation(media=matched.video, max_frames=PICTURES), Answer(detector="", condition=MATCHED)
    )
    if not perturbations:
        return clean
    recording = read_recording(matched.video)
    answers = list(clean)
    for perturbation in perturbations:
        reading = [each for each in detectors if set(each.reads) & set(perturbation.changes)]
        others = {each.name for each in detectors} - {each.name for each in reading}
        outline = _outline(perturbation)
        answers += [_under(answer, outline) for answer in clean if answer.detector in others]
        if not reading:
            continue
        try:
            video = perturbed(recording, perturbation, source=matched.video)
        except (EmoforgeError, OSError) as error:
            answers += _abstain(reading, outline, reason_of(error))
            continue
        answers += _ask(reading, Observation(media=video, max_frames=PICTURES), outline)
    return answers


def _ask(detectors: Sequence[Detector], observation: Observation, outline: Answer) -> list[Answer]:
    """Let each detector answer; they share what is computed of the observation."""
    return [_answer(detector, observation, outline) for detector in detectors]


def _answer(detector: Detector, observation: Observation, outline: Answer) -> Answer:
    try:
        given = run_detector(detector, observation)
    except Abstention as error:
        return _of(outline, detector.name, abstained=str(error))
    return _of(outline, detector.name, given=given)


def _abstain(detectors: Sequence[Detector], outline: Answer, reason: str) -> list[Answer]:
    return [_of(outline, detector.name, abstained=reason) for detector in detectors]


def _all_abstain(detectors: Sequence[Detector], perturbations: Sequence[Perturbation], reason: str) -> Iterator[Answer]:
    for outline in (Answer(detector="", condition=MATCHED), *map(_outline, perturbations)):
        yield from _abstain(detectors, outline, reason)


def _outline(perturbation: Perturbation) -> Answer:
    return Answer(
        detector="",
        condition=perturbation.name,
        severity=perturbation.severity,
        severity_rank=perturbation.rank,
    )


def _of(outline: Answer, detector: str, *, given: float | Values | None = None, abstained: str = "") -> Answer:
    return Answer(
        detector=detector,
        condition=outline.condition,
        severity=outline.severity,
        severity_rank=outline.severity_rank,
        given=given,
        abstained=abstained,
    )


def _under(answer: Answer, outline: Answer) -> Answer:
    """The same answer under a condition that changes nothing that the detector reads."""
    return _of(outline, answer.detector, given=answer.given, abstained=answer.abstained)


def _trivial(media: Media) -> Features | None:
    try:
        return trivial_features(media)
    except (EmoforgeError, OSError):
        return None


def _marks(source: str, matched: Matched) -> Marks:
    return Marks(
        source=source,
        duration_s=matched.duration_s,
        identity=matched.identity,
        frame_hashes=matched.frame_hashes,
        audio_fingerprint=matched.audio_fingerprint,
    )
