"""FID's Inception with random weights under the published file's keys and shapes, so that no test needs a download."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torchvision.models import inception_v3

from curate import weights
from evaluate.networks.inception_2015 import load_inception_2015

FILE = "weights-inception-2015-12-05-6726825d.pth"


def random_state() -> dict[str, Tensor]:
    """All 566 entries; He's scale, so that the pictures still differ after the last layer."""
    with torch.device("meta"):
        network = inception_v3(num_classes=1008, aux_logits=False, weights=None, init_weights=False)
    generator = torch.Generator().manual_seed(0)
    return {key: _entry(key, like, generator) for key, like in network.state_dict().items()}


@contextmanager
def in_place_of_the_published(state: dict[str, Tensor], folder: Path) -> Iterator[weights.Weights]:
    """Inside, `inception_2015` is this state, in a file of `folder` with the published name; yields its row."""
    path = folder / FILE
    torch.save(state, path)
    row = _row(path)
    folders, cache = weights.folders()
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(weights.WEIGHTS, row.name, row)
        weights.use_folders([folder])
        load_inception_2015.cache_clear()
        yield row
    load_inception_2015.cache_clear()
    weights.use_folders(folders, cache=cache)


def _row(path: Path) -> weights.Weights:
    return weights.Weights(
        name="inception_2015",
        purpose="test",
        licence="none",
        commercial_use=True,
        file=path.name,
        sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
        size_bytes=path.stat().st_size,
        sources=(),
    )


def _entry(key: str, like: Tensor, generator: torch.Generator) -> Tensor:
    if not like.is_floating_point():
        return torch.zeros(like.shape, dtype=like.dtype)
    if like.ndim > 1:
        fan_in = like[0].numel()
        return torch.randn(like.shape, generator=generator) * (2 / fan_in) ** 0.5
    if key.endswith("running_var") or key.endswith("bn.weight"):
        return 0.8 + 0.4 * torch.rand(like.shape, generator=generator)
    return 0.1 * torch.randn(like.shape, generator=generator)
