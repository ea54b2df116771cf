"""The audio projection: the speech features around a frame become the tokens that audio attention reads."""

from collections.abc import Iterator
from itertools import pairwise

from torch import Tensor, nn


class AudioProjection(nn.Module):
    """Project the features of 2m + 1 frames, concatenated (EMO, section 4.1), to `tokens` vectors of `channels`.

    Nothing in it is constant: it has no biases. Else the tokens serve as one more bias before the model has learned to
    listen, and their change over time dies away; and no features (guidance's "no voice") give no tokens. `straight`
    adds a linear path beside the bent one, which a model that begins with random weights hears through sooner; with
    wav2vec2's features, 46,080 a frame, that path alone would have 1.1 G parameters.
    """

    def __init__(
        self, *, features: int, window: int, hidden: tuple[int, ...], tokens: int, channels: int, straight: bool
    ) -> None:
        super().__init__()
        self._tokens = tokens
        heard, said = window * features, tokens * channels
        self.straight = nn.Linear(heard, said, bias=False) if straight else None
        self.bent = nn.Sequential(*_layers((heard, *hidden)), nn.Linear(hidden[-1], said, bias=False))
        self.norm = nn.RMSNorm(channels, eps=1e-6)

    def forward(self, audio: Tensor) -> Tensor:
        """Take (B, F, 2m + 1, features) and return (B, F, tokens, channels)."""
        heard = audio.flatten(2)
        said = self.bent(heard)
        if self.straight is not None:
            said = said + self.straight(heard)
        tokens: Tensor = self.norm(said.unflatten(-1, (self._tokens, -1)))
        return tokens


def _layers(widths: tuple[int, ...]) -> Iterator[nn.Module]:
    for inside, outside in pairwise(widths):
        yield nn.Linear(inside, outside, bias=False)
        yield nn.SiLU()
