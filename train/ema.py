"""The exponential moving average of a model's weights, which is what is sampled from."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor

from train.models.emo import EmoModel


class Ema:
    """Averages of a model's own state, by name, in the weights' own precision; buffers are copied, not averaged."""

    def __init__(self, model: EmoModel, *, decay: float) -> None:
        """`decay` in [0, 1): the share of the old average that a step keeps, reached gradually; 0 is the model."""
        self.decay = decay
        self.state = {name: value.detach().clone() for name, value in model.own_state().items()}
        self._averaged = [name for name, _ in model.named_parameters() if name in self.state]

    @torch.no_grad()
    def update(self, model: EmoModel, step: int) -> None:
        """Take in the weights after `step` (from 1): average = d average + (1 - d) weights.

        d = min(decay, step / (step + 9)), so that the first steps are not weighed down by random weights.
        """
        decay = min(self.decay, step / (step + 9))
        now = model.own_state()
        averaged = [self.state[name] for name in self._averaged]
        torch._foreach_lerp_(averaged, [now[name] for name in self._averaged], 1 - decay)
        for name in now.keys() - set(self._averaged):
            self.state[name].copy_(now[name])

    def load(self, state: Mapping[str, Tensor]) -> None:
        """Go on from saved averages."""
        for name, value in self.state.items():
            value.copy_(state[name])

    @contextmanager
    def applied_to(self, model: EmoModel) -> Iterator[None]:
        """Let `model` compute with the averages, in eval mode, for the time of the block; nothing is copied."""
        was_training = model.training
        self._exchange(model)
        model.eval()
        try:
            yield
        finally:
            model.train(was_training)
            self._exchange(model)

    def _exchange(self, model: EmoModel) -> None:
        parameters = dict(model.named_parameters())
        for name in self._averaged:
            parameter, average = parameters[name], self.state[name]
            self.state[name], parameter.data = parameter.data, average
