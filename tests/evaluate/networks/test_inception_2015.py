"""FID's Inception: weights are checked by hash, key and shape, and read without running what a pickle holds."""

import dataclasses
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor

from curate import weights
from curate.errors import WeightsError
from evaluate.networks import inception_2015
from tests.evaluate.random_inception import in_place_of_the_published, random_state

pytest.importorskip("torch_fidelity", reason="the network comes with the extra emoforge[fid]")


@pytest.fixture(scope="module")
def state() -> dict[str, Tensor]:
    return random_state()


@pytest.fixture
def row(state: dict[str, Tensor], tmp_path: Path) -> Iterator[weights.Weights]:
    with in_place_of_the_published(state, tmp_path) as row:
        yield row


def test_it_gives_2048_numbers_from_zero_up_that_tell_pictures_apart(row: weights.Weights) -> None:
    dark, light = -torch.ones(1, 3, 299, 299), torch.ones(1, 3, 299, 299)
    with torch.inference_mode():
        features = inception_2015.load_inception_2015()(torch.cat([dark, light]))
    assert features.shape == (2, 2048, 1, 1)
    assert float(features.min()) == 0.0  # a ReLU came last
    assert not torch.equal(features[0], features[1])


def test_a_file_of_another_hash_is_refused(row: weights.Weights, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(weights.WEIGHTS, row.name, dataclasses.replace(row, sha256="6726825d" + "0" * 56))
    with pytest.raises(WeightsError, match="is not the published weights-inception-2015-12-05"):
        inception_2015.load_inception_2015()


def test_a_missing_and_a_misshapen_entry_are_named(state: dict[str, Tensor]) -> None:
    without = {key: value for key, value in state.items() if key != "Mixed_7c.branch_pool.bn.running_mean"}
    with pytest.raises(WeightsError, match=r"Mixed_7c\.branch_pool\.bn\.running_mean"):
        inception_2015.build_inception_2015(without)
    with pytest.raises(WeightsError, match=r"size mismatch for fc\.weight"):
        inception_2015.build_inception_2015({**state, "fc.weight": torch.zeros(1000, 2048)})


def test_without_torch_fidelity_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch_fidelity.feature_extractor_inceptionv3", None)
    with pytest.raises(WeightsError, match=r"pip install 'emoforge\[fid\]'"):
        inception_2015.build_inception_2015({})
