"""Fitting: no clip is judged by a model that saw it, its fold, or the generator that is left out."""

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from evaluate.detection.controls import PERMUTED, REAL_HALVES
from evaluate.detection.detector import Abstention, Detector, Model, Values
from evaluate.detection.fitting import Labelled, Predicted, Purpose, Seen, fit_and_predict, labels_for, purposes
from evaluate.detection.score_table import MATCHED, ORIGINAL, REAL
from evaluate.observation import Observation

CLEAN, FIRST, NOISE = (MATCHED, ""), (ORIGINAL, ""), ("noise", "sd 8")
USUAL = Purpose(kind="usual")
FOLDS = 3


@pytest.fixture
def clips() -> Labelled:
    """Six clusters of two clips each, of the real set and of two generators, over three folds."""
    sets = np.repeat([REAL, "A", "B"], 12)
    number = np.tile(np.arange(12) // 2, 3)
    cluster = np.array([f"{name} {place}" for name, place in zip(sets, number, strict=True)])
    return Labelled(set=sets, is_fake=sets != REAL, cluster=cluster, fold=number % FOLDS)


def unused(observation: Observation) -> Values:
    raise AssertionError("fitting looks at no video")


class Recorder:
    """A detector whose observation is the clip's number; its fits note what they saw, its models who they judged."""

    def __init__(self, *, abstains: bool = False) -> None:
        self.fits: list[tuple[list[int], list[bool]]] = []
        self.judged: list[tuple[int, int]] = []  # (fit, clip)
        self._abstains = abstains

    def fit(self, observations: Sequence[Values], is_fake: NDArray[np.bool_], seed: int) -> Model:
        number = len(self.fits)
        self.fits.append(([int(values[0]) for values in observations], is_fake.tolist()))
        if self._abstains:
            raise Abstention("few_examples: not enough")

        def model(values: Values) -> float:
            self.judged.append((number, int(values[0])))
            return float(values[1])

        return model

    def detector(self) -> Detector:
        return Detector(name="recorder", origin="test", observe=unused, fit=self.fit)


def seen(clip: int) -> Seen:
    """A clip's number, and which condition it was observed under."""
    return {key: np.array([clip, answer], np.float32) for key, answer in ((FIRST, 0.25), (CLEAN, 0.5), (NOISE, 0.75))}


def predicted(recorder: Recorder, clips: Labelled, purpose: Purpose) -> list[Predicted]:
    return list(fit_and_predict(recorder.detector(), seen, clips, purpose, seed=0))


def all_purposes() -> list[Purpose]:
    return purposes(["A", "B"])


@pytest.mark.parametrize("purpose", all_purposes(), ids=str)
def test_no_clip_is_judged_by_a_model_that_saw_its_fold_or_the_generator_left_out(
    clips: Labelled, purpose: Purpose
) -> None:
    recorder = Recorder()
    predicted(recorder, clips, purpose)
    assert len(recorder.fits) == FOLDS
    assert recorder.judged
    for fit, clip in recorder.judged:
        examples = recorder.fits[fit][0]
        assert examples
        assert not set(clips.fold[examples].tolist()) & {int(clips.fold[clip])}
        assert not set(clips.cluster[examples].tolist()) & {str(clips.cluster[clip])}
        assert purpose.without not in clips.set[examples].tolist()


@pytest.mark.parametrize("purpose", all_purposes(), ids=str)
def test_models_learn_all_that_they_may_with_the_purposes_labels(clips: Labelled, purpose: Purpose) -> None:
    recorder = Recorder()
    predicted(recorder, clips, purpose)
    labels, take_part = labels_for(purpose, clips, seed=0)
    for fold, (examples, is_fake) in enumerate(recorder.fits):
        allowed = take_part & (clips.fold != fold) & (clips.set != purpose.without)
        assert examples == np.flatnonzero(allowed).tolist()
        assert is_fake == labels[examples].tolist()


def test_the_usual_model_answers_once_for_every_clip_and_condition_but_the_original(clips: Labelled) -> None:
    found = predicted(Recorder(), clips, USUAL)
    answers = {(given.clip, given.condition, given.severity): given.score for given in found}
    assert len(answers) == len(found)
    assert answers == {(clip, *key): score for clip in range(36) for key, score in ((CLEAN, 0.5), (NOISE, 0.75))}


def test_models_of_files_as_they_came_answer_for_those_alone(clips: Labelled) -> None:
    found = predicted(Recorder(), clips, Purpose(kind="original"))
    assert {(given.condition, given.severity, given.score) for given in found} == {(*FIRST, 0.25)}
    assert sorted(given.clip for given in found) == list(range(36))


def test_the_generator_left_out_is_judged_beside_the_real_clips(clips: Labelled) -> None:
    found = predicted(Recorder(), clips, Purpose(kind="unseen generator", without="B"))
    assert {(given.condition, given.severity) for given in found} == {CLEAN}
    assert sorted(given.clip for given in found) == np.flatnonzero(clips.set != "A").tolist()


def test_leaving_the_only_generator_out_is_not_tried() -> None:
    kinds = [purpose.kind for purpose in purposes(["A"])]
    assert kinds == ["usual", "original", PERMUTED, REAL_HALVES]
    assert [purpose.without for purpose in purposes(["A", "B"]) if purpose.without] == ["A", "B"]


def test_permuted_labels_are_as_many_and_whole_clusters(clips: Labelled) -> None:
    labels, take_part = labels_for(Purpose(kind=PERMUTED), clips, seed=1)
    assert take_part.all()
    assert labels.sum() == clips.is_fake.sum()
    assert all(len(set(labels[clips.cluster == name].tolist())) == 1 for name in clips.cluster)
    assert any((labels_for(Purpose(kind=PERMUTED), clips, seed=s)[0] != clips.is_fake).any() for s in range(3))


def test_real_halves_leave_the_fakes_out(clips: Labelled) -> None:
    labels, take_part = labels_for(Purpose(kind=REAL_HALVES), clips, seed=1)
    assert (take_part == ~clips.is_fake).all()
    assert labels[take_part].sum() == 6
    assert not labels[~take_part].any()
    found = predicted(Recorder(), clips, Purpose(kind=REAL_HALVES))
    assert sorted(given.clip for given in found) == np.flatnonzero(~clips.is_fake).tolist()


def test_folds_with_one_class_to_learn_from_abstain(clips: Labelled) -> None:
    apart = Labelled(set=clips.set, is_fake=clips.is_fake, cluster=clips.cluster, fold=clips.is_fake.astype(np.int64))
    recorder = Recorder()
    found = predicted(recorder, apart, USUAL)
    assert recorder.fits == []
    assert len(found) == 72
    assert all(given.score is None and given.abstained.startswith("few_examples: ") for given in found)


def test_a_fit_that_abstains_gives_every_answer_its_reason(clips: Labelled) -> None:
    found = predicted(Recorder(abstains=True), clips, USUAL)
    assert {(given.score, given.abstained) for given in found} == {(None, "few_examples: not enough")}


def test_clips_that_were_not_observed_are_no_examples_and_keep_their_reason(clips: Labelled) -> None:
    """The clip that no face was found in abstains for that; the noise on another alone for that alone."""
    blind: dict[int, Seen] = {
        0: dict.fromkeys((FIRST, CLEAN, NOISE), "no_face: none"),
        13: {**seen(13), NOISE: "failed: no encoder"},
    }

    def partly(clip: int) -> Seen:
        return blind.get(clip, seen(clip))

    recorder = Recorder()
    found = list(fit_and_predict(recorder.detector(), partly, clips, USUAL, seed=0))
    assert all(0 not in examples for examples, _ in recorder.fits)
    assert any(13 in examples for examples, _ in recorder.fits)
    silent = {(given.clip, given.condition): given.abstained for given in found if given.score is None}
    assert silent == {(0, MATCHED): "no_face: none", (0, "noise"): "no_face: none", (13, "noise"): "failed: no encoder"}


def test_an_answer_that_is_no_probability_abstains_alone(clips: Labelled) -> None:
    def fit(observations: Sequence[Values], is_fake: NDArray[np.bool_], seed: int) -> Model:
        return lambda values: 2.0 if values[0] == 5 else 0.5

    detector = Detector(name="d", origin="test", observe=unused, fit=fit)
    found = list(fit_and_predict(detector, seen, clips, USUAL, seed=0))
    assert {given.clip for given in found if given.score is None} == {5}
    assert all(given.abstained.startswith("out_of_range: ") for given in found if given.clip == 5)
