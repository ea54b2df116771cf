"""The sample corpus is what its manifest says: the speech is speech, the mouth follows it, the flaws are there."""

import dataclasses
import importlib.util
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

pytest.importorskip("espeakng_loader", reason="the extra 'demo' is not installed")
pytest.importorskip("skimage", reason="the extra 'demo' is not installed")

from curate.analysis import Analysis, analyse
from curate.errors import EmoforgeError
from curate.media import probe, read_audio
from curate.speech import speech_probabilities
from pipelines.sample_corpus import speech
from pipelines.sample_corpus.scenes import LATE_S, PEOPLE, SCENES, VOICES, Scene, Shot
from pipelines.sample_corpus.truth import compare
from pipelines.sample_corpus.write import SampleCorpus, make_sample_corpus, manifest, write_scene

FPS = 25
BY_FILE = {scene.file: scene for scene in SCENES}
TEXT = "The sound of this film may come too late. You see me talk. Stop. And go on."
ON_TIME = Scene(file="on_time.mp4", what="", shots=(Shot(person="bea", text=TEXT, seed=1),))
LATE = dataclasses.replace(ON_TIME, file="late.mp4", treatment="late_sound")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, face_weights: None) -> Callable[[Scene], Path]:
    """Render a scene once."""
    folder = tmp_path_factory.mktemp("scenes")

    def make(scene: Scene) -> Path:
        path = folder / scene.file
        return path if path.exists() else write_scene(scene, folder)

    return make


def mouth_against_sound(video: Path, found: Analysis) -> dict[float, float]:
    """Correlation of the one face's mouth aperture with the sound's envelope, by the sound's delay in seconds."""
    mouth = found.tracks[0].mouth_aperture
    samples = read_audio(video)
    heard = speech.mouth_motion(samples, n_frames=len(mouth) + FPS, fps=FPS).aperture
    return {late / FPS: float(np.corrcoef(mouth, heard[late:][: len(mouth)])[0, 1]) for late in range(FPS)}


def test_the_table_is_sound() -> None:
    assert len(BY_FILE) == len(SCENES)
    assert all(scene.copy_of in BY_FILE for scene in SCENES if scene.copy_of)
    assert {shot.person for scene in SCENES for shot in scene.shots} <= set(PEOPLE) == set(VOICES)
    assert all((scene.outcome == "kept") == (scene.clips > 0) == (not scene.reason) for scene in SCENES)
    assert len({scene.treatment for scene in SCENES}) == 12


def test_every_voice_is_accepted_as_speech() -> None:
    for voice in VOICES.values():
        samples = speech.speak("This is a voice of the sample corpus, and it says a sentence of some length.", voice)
        assert np.mean(speech_probabilities(samples)) > 0.75, voice


def test_the_same_words_give_the_same_samples() -> None:
    first = speech.speak("Twice the same.", VOICES["ada"])
    time.sleep(1.1)  # espeak-ng seeds its noise by the clock, in seconds, unless told otherwise
    second = speech.speak("Twice the same.", VOICES["ada"])
    assert first.dtype == np.float32
    assert np.array_equal(first, second)
    assert np.abs(first).max() == pytest.approx(0.7, abs=1e-3)


def test_an_unknown_voice_and_a_missing_package_are_clear_errors(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(EmoforgeError, match="no voice 'xx\\+none'"):
        speech.speak("Hello.", speech.Voice(voice="xx+none"))
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(EmoforgeError, match=r"pip install 'emoforge\[demo\]'"):
        speech.speak("Hello.", VOICES["ada"])


def test_the_mouth_is_shut_in_silence_and_open_in_sound() -> None:
    tone = np.sin(2 * np.pi * 700 * np.arange(16_000) / 16_000).astype(np.float32)
    motion = speech.mouth_motion(np.concatenate([np.zeros(16_000, np.float32), tone]), n_frames=50, fps=25)
    assert motion.aperture[:23].max() < 0.01
    assert motion.aperture[28:48].min() > 0.9


def test_the_seen_mouth_follows_the_speech(made: Callable[[Scene], Path]) -> None:
    found = analyse(made(ON_TIME))
    correlations = mouth_against_sound(made(ON_TIME), found)
    assert len(found.tracks) == 1
    assert len(found.tracks[0]) == found.n_frames
    assert found.tracks[0].confidence.min() > 0.9
    assert correlations[0.0] > 0.7
    assert max(correlations, key=lambda late: correlations[late]) <= 1 / FPS
    assert np.ptp(np.percentile(found.tracks[0].mouth_aperture, [5, 95])) > 0.03


def test_late_sound_is_late_by_what_the_manifest_says(made: Callable[[Scene], Path]) -> None:
    correlations = mouth_against_sound(made(LATE), analyse(made(LATE)))
    best = max(correlations, key=lambda late: correlations[late])
    assert best == pytest.approx(LATE_S, abs=1 / FPS)
    assert correlations[best] > 0.7
    assert correlations[0.0] < correlations[best] - 0.3


def test_the_head_moves_smoothly(made: Callable[[Scene], Path]) -> None:
    pose = analyse(made(ON_TIME)).tracks[0].pose_deg
    assert np.ptp(pose, axis=0).max() > 3.0
    assert np.abs(np.diff(pose[:, 2])).max() < 3.0


def test_the_same_scene_gives_the_same_bytes(made: Callable[[Scene], Path], tmp_path: Path) -> None:
    again = write_scene(dataclasses.replace(ON_TIME, file="again.mp4"), tmp_path)
    assert again.read_bytes() == made(ON_TIME).read_bytes()


def test_people_look_different(face_weights: None) -> None:
    from pipelines.sample_corpus.render import portrait_of

    pictures: list[NDArray[np.uint8]] = [portrait_of(person).image for person in PEOPLE]
    apart = [np.abs(first.astype(float) - second).mean() for i, first in enumerate(pictures) for second in pictures[:i]]
    assert min(apart) > 10.0


@pytest.mark.slow
def test_flaws_are_there(tmp_path: Path, face_weights: None) -> None:
    files = ("14_short.mp4", "11_no_sound.mp4", "17_text.mp4", "16_truncated.mp4", "18_the_same_again.mp4")
    shots = (Shot(person="ada", text="Here are just about enough words for two seconds or three.", seed=3),)
    scenes = [dataclasses.replace(BY_FILE[file], shots=shots) for file in files]
    scenes += [dataclasses.replace(ON_TIME, file="01_sync_ada.mp4", shots=shots)]
    corpus = SampleCorpus(folder=tmp_path)
    assert len(list(make_sample_corpus(tmp_path, scenes=scenes, workers=1))) == len(scenes)
    assert probe(corpus.videos / "14_short.mp4").duration_s == pytest.approx(1.2, abs=0.05)
    assert not probe(corpus.videos / "11_no_sound.mp4").has_audio
    assert (corpus.videos / "18_the_same_again.mp4").read_bytes() == (corpus.videos / "01_sync_ada.mp4").read_bytes()
    with pytest.raises(EmoforgeError, match="cut off"):
        analyse(corpus.videos / "16_truncated.mp4")
    with pytest.raises(EmoforgeError, match="not a media file"):
        probe(corpus.videos / "17_text.mp4")
    assert list(pd.read_csv(corpus.manifest).file) == [scene.file for scene in scenes]
    assert len(read_audio(corpus.driving_audio)) > 3 * 16_000

    before = {path: path.stat().st_mtime_ns for path in corpus.videos.iterdir()}
    (corpus.videos / ".tmp-left-by-a-killed-run.mp4").write_bytes(b"half")
    list(make_sample_corpus(tmp_path, scenes=scenes, workers=1))
    assert {path: path.stat().st_mtime_ns for path in corpus.videos.iterdir()} == before


def test_decisions_are_held_against_the_truth(tmp_path: Path) -> None:
    truth = tmp_path / "manifest.csv"
    truth.write_text(manifest(SCENES))
    outcomes = pd.DataFrame(
        [
            {"uri": f"/x/{s.file}", "outcome": s.outcome, "reason": s.reason, "n_clips": s.clips, "error": ""}
            for s in SCENES
        ]
    )
    assert compare(truth, outcomes).agrees.all()
    outcomes.loc[0, "n_clips"] = 2
    outcomes.loc[9, "reason"] = "sharpness"
    table = compare(truth, outcomes.iloc[:-1])
    assert list(table[~table.agrees].file) == [SCENES[0].file, SCENES[9].file, SCENES[-1].file]
    assert list(table[~table.agrees].decided) == ["kept, 2 clips", "rejected: sharpness", "not seen"]
