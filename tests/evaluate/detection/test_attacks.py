"""Rates of presentation attacks: a draw in which every clip counts once gives what the clips give."""

import numpy as np
import pytest

from evaluate.detection.attacks import bpcer_at_apcer
from evaluate.detection.draws import Sample

SCORES, FAKE = np.arange(20) / 20, np.arange(20) % 2 == 1


@pytest.mark.parametrize("weights", [None, np.ones((1, 20), np.float32)])
def test_one_miss_of_ten_is_ten_percent(weights: "np.ndarray[tuple[int, ...], np.dtype[np.float32]] | None") -> None:
    sample = Sample(scores=SCORES, is_fake=FAKE, cluster=np.arange(20).astype(str), weights=weights)
    assert bpcer_at_apcer(sample, 0.1) == pytest.approx(0.8)
    assert bpcer_at_apcer(sample, 0.09) == pytest.approx(0.9)
