"""Running a detector: its number, or an abstention in one printable line that begins with a reason."""

from collections.abc import Callable
from typing import NoReturn

import numpy as np
import pytest

from curate.errors import EmoforgeError, MediaError, WeightsError
from evaluate.detection.detector import (
    LONGEST_REASON,
    Abstention,
    Detector,
    Values,
    predict,
    probability,
    run_detector,
)
from evaluate.observation import Observation

VIDEO = Observation(media=b"", max_frames=1)


def raising(error: Exception) -> Callable[[object], NoReturn]:
    def fail(_: object) -> NoReturn:
        raise error

    return fail


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (Abstention("no_sound: it is silent"), "no_sound: it is silent"),
        (Abstention("not today"), "abstained: not today"),
        (Abstention("a: b\x1b[2J\n\u202ec"), "a: b [2J c"),
        (Abstention("a: " + "b" * 1000), ("a: " + "b" * 1000)[:LONGEST_REASON]),
        (MediaError("no_face", "no face is there"), "no_face: no face is there"),
        (WeightsError("they are gone"), "no_weights: they are gone"),
        (EmoforgeError("it broke"), "failed: it broke"),
        (TimeoutError("5 s"), "timeout: 5 s"),
        (PermissionError(13, "Permission denied", "x.mp4"), "unreadable: [Errno 13] Permission denied: 'x.mp4'"),
    ],
)
def test_what_may_be_expected_of_a_video_is_an_abstention(error: Exception, said: str) -> None:
    finished = Detector(name="mine", origin="", score=raising(error))
    fitted = Detector(name="mine", origin="", observe=raising(error), fit=lambda *_: raising(error))
    for detector in (finished, fitted):
        with pytest.raises(Abstention) as raised:
            run_detector(detector, VIDEO)
        assert str(raised.value) == said
    with pytest.raises(Abstention) as raised:
        predict(raising(error), np.zeros(1, np.float32))
    assert str(raised.value) == said


def test_a_mistake_of_ours_is_not_hidden() -> None:
    with pytest.raises(ZeroDivisionError):
        run_detector(Detector(name="mine", origin="", score=raising(ZeroDivisionError())), VIDEO)


@pytest.mark.parametrize("answer", [0, 1, 0.25, np.float32(0.5), "0.5", np.array(0.5)])
def test_a_probability_is_a_number(answer: float) -> None:
    assert run_detector(Detector(name="mine", origin="", score=lambda _: answer), VIDEO) == float(answer)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (np.nan, "not_a_number"),
        ("nan", "not_a_number"),
        (np.inf, "out_of_range"),
        (-1e-9, "out_of_range"),
        (1.0001, "out_of_range"),
        (10**400, "bad_answer"),
        (None, "bad_answer"),
        ("fake", "bad_answer"),
        ([0.5], "bad_answer"),
        (np.zeros(2), "bad_answer"),
        (0.5j, "bad_answer"),
    ],
)
def test_what_is_no_probability_is_an_abstention(answer: object, reason: str) -> None:
    with pytest.raises(Abstention, match=f"^{reason}: "):
        probability(answer)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_observed_values_are_finite_and_float32(bad: float) -> None:
    values = np.array([1.0, 2.0, bad])
    seen: Values = values[:2]  # as a plug-in that forgets its type
    fitted = Detector(name="mine", origin="", observe=lambda _: seen, fit=lambda *_: lambda _: 0.5)
    given = run_detector(fitted, VIDEO)
    assert isinstance(given, np.ndarray)
    assert given.dtype == np.float32
    seen = values
    with pytest.raises(Abstention, match=r"^not_a_number: 1 observed"):
        run_detector(fitted, VIDEO)
