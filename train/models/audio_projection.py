"""The audio projection: the speech features around a frame become the tokens that audio attention reads."""

from torch import Tensor, nn


class AudioProjection(nn.Module):
    """Project the features of 2m + 1 frames, concatenated (EMO, section 4.1), to `tokens` vectors of `channels`."""

    def __init__(self, *, features: int, window: int, hidden: int, tokens: int, channels: int) -> None:
        super().__init__()
        self._tokens = tokens
        self.project = nn.Sequential(
            nn.Linear(window * features, hidden), nn.SiLU(), nn.Linear(hidden, hidden), nn.SiLU(),
            nn.Linear(hidden, tokens * channels),
        )  # fmt: skip
        self.norm = nn.LayerNorm(channels)

    def forward(self, audio: Tensor) -> Tensor:
        """Take (B, F, 2m + 1, features) and return (B, F, tokens, channels)."""
        tokens: Tensor = self.project(audio.flatten(2)).unflatten(-1, (self._tokens, -1))
        normed: Tensor = self.norm(tokens)
        return normed
