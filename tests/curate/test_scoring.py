"""Thresholds: what is inside, what is missing, which is named, and what a wrong one says."""

import pytest

from curate.errors import ConfigError
from curate.records import Threshold
from curate.scoring import check_thresholds, decide, score_names, sum_up


def test_the_first_failing_threshold_names_the_reason() -> None:
    keep = {"a": Threshold(min=1.0), "b": Threshold(max=2.0)}
    assert decide({"a": 1.0, "b": 2.0}, keep).dropped_by is None
    assert decide({"a": 0.5, "b": 3.0}, keep).dropped_by == "a"
    assert decide({"a": 1.5, "b": 3.0}, keep).detail == "b is 3, over 2"


def test_a_missing_score_drops_unless_optional() -> None:
    assert decide({"a": None}, {"a": Threshold(min=0.0)}).dropped_by == "a"
    assert decide({"a": None}, {"a": Threshold(min=0.0, optional=True)}).dropped_by is None


def test_score_names_come_from_the_scorers_own_types() -> None:
    assert score_names("face_size") == ["face_size"]
    assert score_names("mouth_aperture") == ["mouth_aperture_mean", "mouth_aperture_std"]


def test_thresholds_are_checked_before_the_work() -> None:
    with pytest.raises(ConfigError, match="no scorer gives"):
        check_thresholds({"sharpnes": Threshold(min=1)}, ["sharpness"])
    with pytest.raises(ConfigError, match="above max"):
        check_thresholds({"sharpness": Threshold(min=2, max=1)}, ["sharpness"])


def test_a_source_is_summed_up_from_its_clips() -> None:
    dropped = {"dropped_by": "sharpness", "dropped_detail": "sharpness is 1, under 2"}
    kept = {"dropped_by": None, "dropped_detail": ""}
    assert sum_up([kept, dropped])["outcome"] == "kept"
    assert sum_up([kept, dropped])["n_clips"] == 1
    assert sum_up([dropped, dropped]) == {
        "outcome": "rejected", "reason": "sharpness", "n_clips": 0, "error": "sharpness is 1, under 2",
    }  # fmt: skip
    assert sum_up([])["reason"] == "no_face"
