"""Detectors by what a user writes: all plug-ins, names, and those from elsewhere; the missing ones are said."""

import inspect
import pickle
import sys
from pathlib import Path

import numpy as np
import pytest

from curate import plugins, weights
from curate.errors import ConfigError, WeightsError
from evaluate.detection.detector import Abstention, Detector, run_detector
from evaluate.detection.loading import KINDS, PACKAGE, load_detectors
from evaluate.observation import Observation

PLUGINS = plugins.names(PACKAGE)
MINE = "mine=py:tests.evaluate.detection.test_loading:half"


def half(video: Path) -> float:
    return 0.5


def present(name: str) -> bool:
    try:
        for needed in plugins.weights_of(PACKAGE, [name]):
            weights.path(needed)
    except WeightsError:
        return False
    return True


def test_all_are_every_plugin_and_each_is_there_or_missing_for_a_reason() -> None:
    found, missing = load_detectors(["all"])
    assert sorted([each.name for each in found] + [each.name for each in missing]) == PLUGINS
    assert [each.name for each in found] == [name for name in PLUGINS if name in {each.name for each in found}]
    assert {each.name for each in found} <= {name for name in PLUGINS if present(name)}
    assert all(each.reason for each in missing)


def test_without_weights_only_those_that_need_none_are_found(tmp_path: Path) -> None:
    weights.use_folders([], cache=tmp_path)
    found, missing = load_detectors(["all"])
    assert {each.name for each in found} == {name for name in PLUGINS if not plugins.weights_of(PACKAGE, [name])}
    for each in missing:
        assert plugins.weights_of(PACKAGE, [each.name])[0] in each.reason


def test_a_package_that_is_not_installed_is_missing_with_the_line_that_installs_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from evaluate.detectors import ensemble

    monkeypatch.setattr(ensemble, "NEEDS", ("numpy", "no_such_package_4711"), raising=False)
    found, (missing,) = load_detectors(["ensemble"])
    assert found == []
    assert missing.name == "ensemble"
    assert missing.reason == ("ensemble needs no_such_package_4711; install it with: pip install 'emoforge[detect]'")


def test_a_detector_says_what_it_is() -> None:
    for each in load_detectors(["all"])[0]:
        assert each.origin.strip()
        assert set(each.reads) <= {"picture", "sound"}
        for needed in plugins.weights_of(PACKAGE, [each.name]):
            assert weights.sha256(needed) in each.origin
        assert (each.score is None) == each.is_fitted
        if each.fit is not None:
            assert list(inspect.signature(each.fit).parameters)[1:] == ["is_fake", "seed"]


def test_the_order_is_the_user_s_and_all_may_stand_beside_others() -> None:
    found, missing = load_detectors([MINE, "all", "other=cmd:" + sys.executable + " -c 0 {video}"])
    names = [each.name for each in found]
    assert (names[0], names[-1]) == ("mine", "other")
    assert sorted([*names[1:-1], *(each.name for each in missing)]) == PLUGINS


def test_only_the_ensemble_stacks() -> None:
    stacking = [each for each in load_detectors(["all"])[0] if each.stacks]
    assert [each.name for each in stacking] == ["ensemble"]
    with pytest.raises(ValueError, match="reads no video"):
        run_detector(stacking[0], Observation(media=b"", max_frames=1))


@pytest.mark.parametrize(
    ("spec", "complaint"),
    [
        ([], "no detector is named"),
        ([""], "has no ''"),
        (["meso5"], "did you mean 'meso4'"),
        (["All"], "has no 'All'"),
        (["../meso4"], r"has no '\.\./meso4'"),
        (["ensemble", "ensemble"], "two detectors are called 'ensemble'"),
        (["all", "ensemble"], "two detectors are called 'ensemble'"),
        ([MINE, MINE], "two detectors are called 'mine'"),
        (["ensemble=py:a:b"], "one that comes with emoforge"),
        (["all=py:a:b"], "one that comes with emoforge"),
        (["=py:a:b"], "needs a name"),
        (["a/b=py:a:b"], "needs a name"),
        (["é=py:a:b"], "needs a name"),
        (["x" * 65 + "=py:a:b"], "needs a name"),
        (["mine="], "kinds: " + ", ".join(KINDS)),
        (["mine=py"], "kinds"),
        (["mine=py:"], "kinds"),
        (["mine=shell:rm"], "kinds"),
        (["mine=CMD:x {video}"], "kinds"),
        (["mine=http:x"], "not http:// or https://"),
    ],
)
def test_what_cannot_be_read_is_refused(spec: list[str], complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        load_detectors(spec)


@pytest.mark.parametrize("kind", ["deepfakebench", "hf"])
def test_weights_of_the_user_s_that_are_not_there_are_missing(kind: str, tmp_path: Path) -> None:
    if kind == "hf":
        pytest.importorskip("transformers")
    found, missing = load_detectors([f"mine={kind}:{tmp_path / 'nowhere.pth'}", "theirs" + MINE.removeprefix("mine")])
    assert [each.name for each in found] == ["theirs"]
    assert [each.name for each in missing] == ["mine"]
    assert "nowhere.pth" in missing[0].reason


def test_an_argument_may_hold_equals_signs_and_colons() -> None:
    (detector,), _ = load_detectors(["mine=http://localhost:8000/a?b=c:d"])
    assert detector.origin == "http://localhost:8000/a"


def test_every_detector_can_be_sent_to_a_worker() -> None:
    found, _ = load_detectors(["all", MINE])
    for detector in found:
        sent: Detector = pickle.loads(pickle.dumps(detector))  # noqa: S301 - our own
        assert (sent.name, sent.origin, sent.reads) == (detector.name, detector.origin, detector.reads)


@pytest.mark.parametrize("media", [b"", b"\x00" * 1000, b"\x00\x00\x00\x18ftypmp42"])
def test_every_plugin_abstains_from_what_is_no_video(media: bytes) -> None:
    for detector in load_detectors(["all"])[0]:
        if not detector.stacks:
            with pytest.raises(Abstention, match=r"^[a-z0-9_]+: "):
                run_detector(detector, Observation(media=media, max_frames=4))


def test_every_plugin_gives_one_kind_of_answer_for_a_face(face_video: Path, face_weights: None) -> None:
    observation = Observation(media=face_video, max_frames=4)
    for detector in load_detectors(["all"])[0]:
        if detector.stacks:
            continue
        try:
            given = run_detector(detector, observation)
        except Abstention:
            continue  # four seconds of a tone: no speech
        assert isinstance(given, np.ndarray) == detector.is_fitted
        assert np.isfinite(given).all()
        assert np.array_equal(given, run_detector(detector, Observation(media=face_video, max_frames=4)))
