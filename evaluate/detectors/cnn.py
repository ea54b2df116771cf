"""A small convolutional network, trained from nothing on the user's own videos."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from curate.one_thread import one_thread
from evaluate.detection.classifiers import check_examples
from evaluate.detection.detector import Model, Values
from evaluate.detection.face_pictures import face_pictures
from evaluate.observation import FACE_WEIGHTS, Observation

WEIGHTS = FACE_WEIGHTS
READS = ("picture",)
NEEDS = ("transformers",)
SIZE_PX, N_PICTURES = 96, 4
STEPS, BATCH = 150, 16
LEARNING_RATE, WEIGHT_DECAY, SMOOTHING = 2e-3, 0.05, 0.1  # labels are smoothed, or a few clips make it sure of all


def cnn(observation: Observation, *, model: Model) -> float:
    """Probability of synthetic, the mean over 4 pictures of the face, by a residual network of 80,000 parameters.

    With tens of clips it learns whatever tells the two folders apart, people and rooms included: believe it on clips
    of other people only, as the folds have it.
    """
    return model(observe(observation))


def observe(observation: Observation) -> Values:
    """(4, 96, 96, 3) RGB in [0, 255]; pictures come again where the video has fewer."""
    squares = face_pictures(observation, size_px=SIZE_PX, n=N_PICTURES)
    places = np.linspace(0, len(squares) - 1, N_PICTURES).round().astype(int)
    return np.asarray(squares[places], np.float32)


def fit(observations: Sequence[Values], is_fake: NDArray[np.bool_], seed: int) -> Model:
    """Train for 150 steps, on pictures of both classes in turn; the same seed gives the same model on one machine.

    Abstention with under 3 of either class.
    """
    check_examples(is_fake)
    pictures = torch.cat([_as_input(values) for values in observations])
    labels = torch.from_numpy(np.repeat(np.asarray(is_fake, np.int64), N_PICTURES))
    with torch.random.fork_rng(devices=[]), one_thread():
        torch.manual_seed(seed)
        network = _build()
        _train(network, pictures, labels, random=np.random.default_rng(seed))
    return partial(_probability, network=network.eval().requires_grad_(False))


def _build() -> Any:
    from transformers import ResNetConfig, ResNetForImageClassification

    config = ResNetConfig(embedding_size=16, hidden_sizes=[16, 32, 64], depths=[1, 1, 1], layer_type="basic")
    return ResNetForImageClassification(config)  # two classes unless told otherwise


def _train(network: nn.Module, pictures: Tensor, labels: Tensor, *, random: np.random.Generator) -> None:
    optimiser = torch.optim.AdamW(network.parameters(), lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, max_lr=LEARNING_RATE, total_steps=STEPS)
    loss = nn.CrossEntropyLoss(label_smoothing=SMOOTHING)
    network.train()
    for chosen in _batches(labels.numpy(), random):
        batch = pictures[chosen]
        batch = batch.flip(-1) if random.random() < 0.5 else batch  # a mirrored face is as real
        optimiser.zero_grad()
        loss(network(batch).logits, labels[chosen]).backward()
        optimiser.step()
        schedule.step()


def _batches(labels: NDArray[np.int64], random: np.random.Generator) -> Iterator[Tensor]:
    """Places of as many real as fake pictures, drawn anew for each step."""
    classes = [np.flatnonzero(labels == label) for label in (0, 1)]
    for _ in range(STEPS):
        yield torch.from_numpy(np.concatenate([random.choice(places, BATCH // 2) for places in classes]))


def _probability(values: Values, *, network: Any) -> float:
    with torch.inference_mode(), one_thread():
        return float(torch.softmax(network(_as_input(values)).logits, dim=1)[:, 1].mean())


def _as_input(values: Values) -> Tensor:
    """(n, 3, h, w), each picture by its own mean and deviation: its light says nothing of who made it."""
    pictures = torch.from_numpy(np.ascontiguousarray(values)).permute(0, 3, 1, 2)
    mean = pictures.mean(dim=(1, 2, 3), keepdim=True)
    deviation = pictures.std(dim=(1, 2, 3), keepdim=True)
    return (pictures - mean) / (deviation + 1.0)
