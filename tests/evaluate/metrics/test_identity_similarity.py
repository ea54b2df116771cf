"""Identity: what each clip is compared with, and the numbers."""

import numpy as np
import pytest
from numpy.typing import NDArray

from evaluate.metrics.identity_similarity import identity_similarity
from tests.evaluate.clips import measured, sets

FEATURE = "identity_dlib"


def at_angles(*angles_deg: float) -> NDArray[np.float64]:
    radians = np.radians(angles_deg)
    return np.stack([np.cos(radians), np.sin(radians)], axis=1)


def clip(name: str, *angles_deg: float):  # type: ignore[no-untyped-def]
    return measured(name, feature=FEATURE, vectors=at_angles(*angles_deg))


def test_a_clip_alone_is_compared_with_its_own_first_frame_which_is_left_out() -> None:
    result = identity_similarity(sets([clip("r.mp4", 0, 0)], [clip("a.mp4", 10, 70, 10)]))
    assert result.value == pytest.approx(0.75)
    assert result.per_clip["identity_minimum"]["a.mp4"] == pytest.approx(0.5)
    assert result.per_clip["identity_anchor"]["a.mp4"] == "own first frame"
    assert result.reference_value.value == pytest.approx(1.0)


def test_a_reference_of_the_same_stem_comes_first() -> None:
    result = identity_similarity(sets([clip("a.avi", 0, 45)], [clip("a.mp4", 60, 60), clip("b.mp4", 0, 0)]))
    assert result.per_clip["identity_mean"] == {"a.mp4": pytest.approx(0.5), "b.mp4": pytest.approx(1.0)}
    assert result.detail["clips_against_reference"] == 1
    assert result.detail["clips_against_own_first_frame"] == 1


def test_portraits_rule_and_a_clip_without_one_fails() -> None:
    portraits = {"a": at_angles(60)[0].astype(np.float32), "c": "portrait_without_face: no face found in c.jpg"}
    clips = [clip("a.mp4", 0), clip("b.mp4", 0), clip("c.mp4", 0)]
    result = identity_similarity(sets([clip("a.mp4", 0, 0)], clips, portraits=portraits))
    assert result.value == pytest.approx(0.5)
    assert result.generated_coverage.measured == 1
    assert result.generated_coverage.failed["b.mp4"].startswith("no_portrait")
    assert result.generated_coverage.failed["c.mp4"].startswith("portrait_without_face")


def test_no_face_anywhere_is_absent_with_a_reason() -> None:
    faceless = measured("a.mp4", failures={FEATURE: "no_face: none"})
    result = identity_similarity(sets([clip("r.mp4", 0, 0)], [faceless]))
    assert result.value is None
    assert result.absent
    assert result.generated_coverage.failed == {"a.mp4": "no_face: none"}


def test_a_single_frame_has_nothing_to_be_compared_with() -> None:
    result = identity_similarity(sets([clip("r.mp4", 0, 0)], [clip("a.mp4", 0)]))
    assert result.value is None
    assert "too_few_frames" in result.generated_coverage.failed["a.mp4"]
