"""The speed encoder: head rotation speeds, over buckets, as the vectors that the speed layers read."""

import torch
import torch.nn.functional as F
from diffusers.models.embeddings import SinusoidalPositionalEmbedding
from torch import Tensor, nn

MIN_RADIUS_DEG = 0.02  # a still head's speeds differ by less than the mesh's own noise


class SpeedEncoder(nn.Module):
    """Encode speeds by d buckets over 2m + 1 frames (EMO, section 3.2).

    The paper gives neither the buckets' centres nor their radii: they are buffers, saved with the weights, spread over
    0-2 degrees a frame at first and then fitted to the corpus by `fit`.
    """

    centres: Tensor
    radii: Tensor

    def __init__(self, *, buckets: int, context: int, hidden: int, channels: int, max_frames: int = 64) -> None:
        super().__init__()
        self._context = context
        self.register_buffer("centres", torch.linspace(0.0, 2.0, buckets))
        self.register_buffer("radii", torch.full((buckets,), 1.0 / (buckets - 1)))
        self.mlp = nn.Sequential(nn.Linear(buckets * (2 * context + 1), hidden), nn.SiLU(), nn.Linear(hidden, channels))
        self.position = SinusoidalPositionalEmbedding(channels, max_seq_length=max_frames)

    @torch.no_grad()
    def fit(self, speeds_deg: Tensor) -> None:
        """Put the centres at evenly spaced quantiles of `speeds_deg` (any shape), each radius half a gap."""
        quantiles = torch.quantile(speeds_deg.flatten().float(), torch.linspace(0.02, 0.98, len(self.centres)))
        gaps = quantiles.diff().clamp_min(2 * MIN_RADIUS_DEG)
        self.centres.copy_(quantiles[0] + F.pad(gaps.cumsum(0), (1, 0)))
        self.radii.copy_(F.pad(gaps, (0, 1), value=gaps[-1].item()) / 2)

    def buckets(self, speeds_deg: Tensor) -> Tensor:
        """Return s_i = tanh(3 (w - c_i) / r_i), (B, F, d), for speeds (B, F) in degrees a frame."""
        return torch.tanh((speeds_deg[..., None] - self.centres) / self.radii * 3)

    def forward(self, speeds_deg: Tensor) -> Tensor:
        """Take speeds (B, F) in degrees a frame and return (B, F, channels); the ends are repeated as context."""
        padded = F.pad(speeds_deg, (self._context, self._context), mode="replicate")
        windows = self.buckets(padded).unfold(1, 2 * self._context + 1, 1).flatten(2)
        encoded: Tensor = self.position(self.mlp(windows))
        return encoded
