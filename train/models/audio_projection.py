"""The audio projection: the speech features around a frame become the tokens that audio attention reads."""

from torch import Tensor, nn


class AudioProjection(nn.Module):
    """Project the features of 2m + 1 frames, concatenated (EMO, section 4.1), to `tokens` vectors of `channels`.

    Nothing in it is constant: no biases, and a straight path beside the bent one. Else the tokens serve as one more
    bias before the model has learned to listen, and their change over time dies away. No features give no tokens.
    """

    def __init__(self, *, features: int, window: int, hidden: int, tokens: int, channels: int) -> None:
        super().__init__()
        self._tokens = tokens
        self.straight = nn.Linear(window * features, tokens * channels, bias=False)
        self.bent = nn.Sequential(
            nn.Linear(window * features, hidden, bias=False),
            nn.SiLU(),
            nn.Linear(hidden, tokens * channels, bias=False),
        )
        self.norm = nn.RMSNorm(channels, eps=1e-6)

    def forward(self, audio: Tensor) -> Tensor:
        """Take (B, F, 2m + 1, features) and return (B, F, tokens, channels)."""
        heard = audio.flatten(2)
        tokens: Tensor = self.norm((self.straight(heard) + self.bent(heard)).unflatten(-1, (self._tokens, -1)))
        return tokens
