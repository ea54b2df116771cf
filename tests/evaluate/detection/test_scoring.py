"""Scoring one clip: every detector under every condition, with a reason where there is no answer."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from curate.errors import MediaError
from curate.media_writing import write_video
from evaluate.detection import scoring
from evaluate.detection.detector import Abstention, Detector, Values
from evaluate.detection.matching import Matching
from evaluate.detection.perturbing import perturbations
from evaluate.detection.recording_files import read_recording
from evaluate.detection.score_table import MATCHED, ORIGINAL
from evaluate.detection.scoring import ClipScores, score_clip, unscored
from evaluate.observation import Observation
from tests.conftest import pan, pulsed_tone

FORM = Matching(size_px=96, max_s=1.0)
ASKED = perturbations("jpeg:q 30,gain:-20 dB")
CONDITIONS = [(ORIGINAL, "", 0), (MATCHED, "", 0), *((each.name, each.severity, each.rank) for each in ASKED)]


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory, portrait: NDArray[np.uint8], face_weights: None) -> Path:
    path = tmp_path_factory.mktemp("scoring") / "clip.mp4"
    write_video(path, pan(portrait, 32, size=256), audio=pulsed_tone(1.28))
    return path


class Counting:
    """Answers with how many videos it was asked about so far, in hundredths."""

    def __init__(self) -> None:
        self.media: list[Path | bytes] = []

    def __call__(self, observation: Observation) -> float:
        self.media.append(observation.media)
        return len(self.media) / 100


def refusing(observation: Observation) -> float:
    raise Abstention("no_sound: there is none")


def observing(observation: Observation) -> Values:
    return np.array([1, 2], np.float32)


def no_fit(*arguments: object) -> None:
    raise AssertionError("nothing is fitted here")


def score(media: Path | bytes, *detectors: Detector) -> ClipScores:
    return score_clip(media, source="s", detectors=detectors, perturbations=ASKED, matching=FORM)


def answered(clip: ClipScores, detector: str) -> dict[tuple[str, str, int], object]:
    rows = [each for each in clip.answers if each.detector == detector]
    found: dict[tuple[str, str, int], object] = {
        (each.condition, each.severity, each.severity_rank): each.given for each in rows
    }
    assert len(found) == len(rows)
    return found


def test_every_detector_answers_under_every_condition(video: Path) -> None:
    counting = Counting()
    clip = score(
        video,
        Detector(name="all", origin="", score=counting),
        Detector(name="refusing", origin="", score=refusing),
        Detector(name="observing", origin="", observe=observing, fit=no_fit),  # type: ignore[arg-type]
        Detector(name="stacking", origin="", fit=no_fit),  # type: ignore[arg-type]
    )
    assert answered(clip, "all") == dict(zip(CONDITIONS, (0.01, 0.02, 0.03, 0.04), strict=True))
    assert list(answered(clip, "observing")) == CONDITIONS
    assert answered(clip, "refusing") == dict.fromkeys(CONDITIONS)
    assert {each.abstained for each in clip.answers if each.detector == "refusing"} == {"no_sound: there is none"}
    assert {each.detector for each in clip.answers} == {"all", "refusing", "observing"}
    assert counting.media[:2] == [video, clip.video]
    assert len(set(counting.media)) == len(CONDITIONS)
    assert (clip.marks.source, clip.marks.duration_s) == ("s", 1.0)
    assert np.linalg.norm(clip.marks.identity) == pytest.approx(1)
    assert set(clip.trivial) == {ORIGINAL, MATCHED}


def test_a_detector_is_not_asked_again_where_what_it_reads_is_as_before(video: Path) -> None:
    """jpeg changes the picture and gain the sound."""
    eye, ear = Counting(), Counting()
    clip = score(
        video,
        Detector(name="eye", origin="", reads=("picture",), score=eye),
        Detector(name="ear", origin="", reads=("sound",), score=ear),
    )
    assert list(answered(clip, "eye").values()) == [0.01, 0.02, 0.03, 0.02]
    assert sorted(answered(clip, "ear").items()) == sorted(zip(CONDITIONS, (0.01, 0.02, 0.02, 0.03), strict=True))


def test_the_matched_video_is_decoded_once_for_all_perturbations(video: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = list[Path | bytes]()

    def noted(media: Path | bytes) -> object:
        calls.append(media)
        return read_recording(media)

    monkeypatch.setattr(scoring, "read_recording", noted)
    clip = score(video, Detector(name="all", origin="", score=Counting()))
    assert calls == [clip.video]


def test_a_perturbation_that_fails_is_its_own_abstention(video: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(*arguments: object, **named: object) -> bytes:
        raise MediaError("no_encoder", "it is not here")

    monkeypatch.setattr(scoring, "perturbed", failing)
    clip = score(video, Detector(name="all", origin="", score=Counting()))
    assert list(answered(clip, "all").values()) == [0.01, 0.02, None, None]
    assert {each.abstained for each in clip.answers if each.given is None} == {"no_encoder: it is not here"}


def test_a_file_that_is_no_video_abstains_everywhere_with_the_reason(tmp_path: Path) -> None:
    text = tmp_path / "text.mp4"
    text.write_text("no video at all")
    counting = Counting()
    for media in (text, b"no video at all", tmp_path / "gone.mp4"):
        clip = score(media, Detector(name="all", origin="", score=counting))
        assert list(answered(clip, "all")) == CONDITIONS
        matched = [each for each in clip.answers if each.condition != ORIGINAL]
        assert all(each.given is None and ": " in each.abstained for each in matched)
        assert clip.video is None
        assert not clip.trivial
        assert not clip.marks.identity.any()


def test_a_clip_that_was_lost_has_the_same_rows_with_one_reason(video: Path) -> None:
    detectors = [
        Detector(name="all", origin="", score=Counting()),
        Detector(name="stacking", origin="", fit=no_fit),  # type: ignore[arg-type]
    ]
    lost = unscored("crashed: by a signal", source="s", detectors=detectors, perturbations=ASKED)
    assert answered(lost, "all") == dict.fromkeys(CONDITIONS)
    assert {each.abstained for each in lost.answers} == {"crashed: by a signal"}
    assert list(answered(score(video, *detectors), "all")) == list(answered(lost, "all"))
