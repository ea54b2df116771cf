"""Fixtures of the training tests: one thread, a drawn corpus, and the tiny model."""

from collections.abc import Iterator

import pytest
import torch

from curate.corpus import Corpus
from tests.train.drawn import write_corpus
from train.models.emo import EmoModel
from train.models.presets import TINY, build


@pytest.fixture(autouse=True, scope="session")
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    """Two drawn clips of 40 frames."""
    return write_corpus(tmp_path_factory.mktemp("drawn") / "run", clips=2, n_frames=40)


@pytest.fixture
def model() -> EmoModel:
    """The tiny model with seeded random weights."""
    torch.manual_seed(0)
    return build(TINY).eval()
