"""Fixtures of the training tests: one thread, a drawn corpus, and inputs of the tiny model."""

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
import torch

from curate.corpus import Corpus
from train.models.conditions import Inputs
from train.models.emo import EmoModel
from train.models.presets import TINY, build


@pytest.fixture(autouse=True, scope="session")
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def drawn() -> ModuleType:
    """The module that draws talking faces (tests are no package, so it is loaded from its file)."""
    spec = importlib.util.spec_from_file_location("drawn", Path(__file__).with_name("drawn.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["drawn"] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def corpus(tmp_path_factory: pytest.TempPathFactory, drawn: ModuleType) -> Corpus:
    """Two drawn clips of 40 frames."""
    made: Corpus = drawn.write_corpus(tmp_path_factory.mktemp("drawn") / "run", clips=2, n_frames=40)
    return made


@pytest.fixture
def model() -> EmoModel:
    """The tiny model with seeded random weights."""
    torch.manual_seed(0)
    return build(TINY).eval()


def random_inputs(batch: int, *, frames: int = 12, motion: int = 4, seed: int = 0) -> Inputs:
    """Random conditions of the tiny model."""
    generator = torch.Generator().manual_seed(seed)
    side, channels = TINY.image_px // TINY.latent_factor, 3 * TINY.latent_factor**2

    def noise(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=generator)

    return Inputs(
        reference=noise(batch, channels, side, side),
        face_mask=(noise(batch, 1, TINY.image_px, TINY.image_px) > 0).float(),
        motion=noise(batch, motion, channels, side, side),
        motion_given=torch.ones(batch),
        audio=noise(batch, frames, 5, 160),
        speed=noise(batch, motion + frames).abs(),
    )


def random_latents(batch: int, *, frames: int = 12, seed: int = 1) -> torch.Tensor:
    """Random noisy latents of the tiny model, (B, F, C, h, w)."""
    side, channels = TINY.image_px // TINY.latent_factor, 3 * TINY.latent_factor**2
    return torch.randn(batch, frames, channels, side, side, generator=torch.Generator().manual_seed(seed))


@pytest.fixture
def make_inputs() -> object:
    """`random_inputs`, for tests."""
    return random_inputs


@pytest.fixture
def make_latents() -> object:
    """`random_latents`, for tests."""
    return random_latents
