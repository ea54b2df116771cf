"""Numbers per clip as results: means, intervals over clusters, coverage with reasons, columns."""

import numpy as np
import pytest

from evaluate.measure import Measured
from evaluate.metrics.duration_error import duration_error
from evaluate.metrics.face_lost import face_lost
from evaluate.metrics.lse_c import lse_c
from evaluate.metrics.psnr import psnr
from evaluate.metrics.sharpness_drift import sharpness_drift
from evaluate.metrics.sync_offset import sync_offset
from evaluate.results import Count, Result
from tests.evaluate.clips import measured, sets


def scored(name: str, **scores: float) -> Measured:
    return Measured(name=name, stem=name.rsplit(".", 1)[0], scores=scores, n_frames=4, n_track_frames=100)


def drift_of(*sizes: float, clusters: dict[str, str] | None = None) -> Result:
    clips = [scored(f"{i}.mp4", sharpness_drift_size=size, sharpness=9.0) for i, size in enumerate(sizes)]
    return sharpness_drift(sets([scored("r.mp4", sharpness_drift_size=0.1)], clips, clusters=clusters or {}))


def test_the_value_is_the_mean_over_clips_beside_the_reference() -> None:
    result = drift_of(0.1, 0.2, 0.6)
    assert result.value == pytest.approx(0.3)
    assert result.reference_value is not None
    assert result.reference_value.value == pytest.approx(0.1)
    assert result.generated_n is not None
    assert (result.generated_n.clips, result.generated_n.frames) == (3, 300)
    assert set(result.per_clip) == {"sharpness_drift_size"}, "the scorer sharpness is another one"


def test_the_order_of_the_clips_changes_no_bit() -> None:
    clips = [scored(f"{i}.mp4", sharpness_drift_size=value) for i, value in enumerate((0.1, 0.7, 1e-9, 0.3))]
    results = [sharpness_drift(sets([], order)) for order in (clips, clips[::-1])]
    assert results[0].value == results[1].value
    assert results[0].interval == results[1].interval


def test_clips_of_one_identity_are_one_sample() -> None:
    sizes = [0.1] * 5 + [0.2] * 5 + [0.6] * 5 + [0.7] * 5
    people = {f"{i}.mp4": f"person {i // 5}" for i in range(20)}
    alone, together = drift_of(*sizes), drift_of(*sizes, clusters=people)
    assert alone.interval is not None
    assert together.interval is not None
    assert together.interval.high - together.interval.low > alone.interval.high - alone.interval.low
    assert drift_of(0.1, 0.2, 0.3, clusters={"0.mp4": "a", "1.mp4": "a"}).interval is None, "two people are too few"


def test_a_clip_without_the_number_counts_as_failed_with_its_reason() -> None:
    silent = measured("b.mp4", failures={"syncnet": "not_measurable: no sound, silence, or too short"})
    result = lse_c(sets([], [scored("a.mp4", syncnet_reference_confidence=5.0), silent]))
    assert result.value == 5.0
    assert result.generated_coverage is not None
    assert (result.generated_coverage.measured, result.generated_coverage.total) == (1, 2)
    assert result.generated_coverage.failed == {"b.mp4": "not_measurable: no sound, silence, or too short"}
    assert result.notes


def test_no_clip_with_the_number_is_absent_for_the_commonest_reason() -> None:
    clips = [measured(f"{i}.mp4", failures={"syncnet": "no_face: none"}) for i in range(2)]
    result = lse_c(sets([], [*clips, measured("c.mp4", failures={"syncnet": "other: x"})]))
    assert result.value is None
    assert result.absent is not None
    assert "of 2: no_face: none" in result.absent
    assert not result.notes


def test_a_number_that_is_there_counts_although_its_scorer_could_not_give_all() -> None:
    clip = Measured(name="a.mp4", stem="a", scores={"sharpness_drift_size": 0.5}, failures={"sharpness_drift": "part"})
    coverage = sharpness_drift(sets([], [clip])).generated_coverage
    assert coverage is not None
    assert coverage.measured == 1


def test_offsets_keep_their_sign_in_the_table_and_lose_it_in_the_mean() -> None:
    clips = [scored("a.mp4", syncnet_offset_s=-0.2), scored("b.mp4", syncnet_offset_s=0.4)]
    result = sync_offset(sets([], clips))
    assert result.value == pytest.approx(0.3)
    assert result.per_clip == {"syncnet_offset_s": {"a.mp4": -0.2, "b.mp4": 0.4}}


def test_pairs_have_no_reference_of_their_own() -> None:
    paired = scored("a.mp4", psnr_mean=30.0, psnr_frames=50.0)
    alone = measured("b.mp4", failures={"psnr": "no_pair: the reference holds no video of this name"})
    result = psnr(sets([scored("a.mp4")], [paired, alone]))
    assert result.value == 30.0
    assert result.reference_value is None
    assert result.reference_coverage is None
    assert result.per_clip["psnr_frames"] == {"a.mp4": 50.0}
    assert result.generated_n == Count(frames=50, clips=1)
    assert result.generated_coverage is not None
    assert set(result.generated_coverage.failed) == {"b.mp4"}


def test_lost_faces_and_lengths() -> None:
    found = np.array([[1.0]] * 3 + [[0.0]])
    assert face_lost(sets([], [measured("a.mp4", feature="face_presence", vectors=found)])).value == pytest.approx(0.25)
    long = measured("a.mp4", feature="lengths", vectors=np.array([[4.0, 4.5]]))
    assert duration_error(sets([], [long])).value == pytest.approx(0.5)


def test_the_fingerprint_tells_scorers_and_units_apart() -> None:
    results = [drift_of(0.1), sync_offset(sets([], [scored("a.mp4", syncnet_offset_s=0.2)]))]
    assert len({result.fingerprint for result in results}) == 2
    assert drift_of(0.1).fingerprint == drift_of(0.9).fingerprint
