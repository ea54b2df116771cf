"""TAEF2 latents: a tiny autoencoder of FLUX.2's latent space, 32 channels, 8 x 8 px each."""

import torch
from torch import Tensor, nn

from curate import weights
from curate.errors import WeightsError
from train.models.in_pieces import in_pieces

WIDTH = 64
POOL_WIDTH, POOL_GROUPS = 4 * WIDTH, 4
SPREAD = 0.87  # the latents' standard deviation on face crops of 14 videos; by channel it is 0.6-1.1, means 0.4 at most
ENCODER, DECODER = "taef2_encoder", "taef2_decoder"


class Taef2Latents(nn.Module):
    """The frozen autoencoder (github.com/madebyollin/taesd, MIT), its latents scaled to about unit variance."""

    channels, factor = 32, 8
    limit = 6.0  # of 14 videos' face latents, scaled, 7 in a million are larger

    def __init__(self) -> None:
        super().__init__()
        self.name = "taef2 random"
        self.encoder = _encoder(self.channels)
        self.decoder = _decoder(self.channels)
        self.requires_grad_(False)

    @torch.no_grad()
    def encode(self, images: Tensor) -> Tensor:
        """Take RGB (..., 3, H, W) in [-1, 1] and return (..., channels, H / 8, W / 8)."""
        return in_pieces(self.encoder, (images + 1) / 2) / SPREAD

    @torch.no_grad()
    def decode(self, latents: Tensor) -> Tensor:
        """Take (..., channels, h, w) and return RGB (..., 3, H, W), clamped to [-1, 1]."""
        return (in_pieces(self.decoder, latents * SPREAD, px_a_side=self.factor) * 2 - 1).clamp(-1, 1)


def load_taef2() -> Taef2Latents:
    """Return the published autoencoder; WeightsError says how to get the files where they are missing."""
    latents = Taef2Latents()
    for part, name in ((latents.encoder, ENCODER), (latents.decoder, DECODER)):
        state = torch.load(weights.path(name), map_location="cpu", weights_only=True)
        try:
            part.load_state_dict(state)
        except RuntimeError as error:
            raise WeightsError(f"the weights {name!r} are of another network: {error}") from error
    latents.name = f"taef2 {weights.sha256(ENCODER)[:8]}"
    return latents


class Block(nn.Module):
    """Three convolutions beside an identity; at the lowest resolution also statistics of the whole picture."""

    def __init__(self, *, pooled: bool) -> None:
        super().__init__()
        self.conv = nn.Sequential(_conv(), nn.ReLU(), _conv(), nn.ReLU(), _conv())
        self.pool = _pool() if pooled else None

    def forward(self, maps: Tensor) -> Tensor:
        """Take and return (B, 64, h, w)."""
        if self.pool is not None:
            maps = maps + self.pool(maps)
        changed: Tensor = torch.relu(self.conv(maps) + maps)
        return changed


class SoftClamp(nn.Module):
    """Keep latents within 3 of zero."""

    def forward(self, latents: Tensor) -> Tensor:
        """Take and return any shape."""
        return 3 * torch.tanh(latents / 3)


def _pool() -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(WIDTH, POOL_WIDTH, 1, bias=False),
        nn.GroupNorm(POOL_GROUPS, POOL_WIDTH),
        nn.ReLU(),
        nn.Conv2d(POOL_WIDTH, WIDTH, 1, bias=False),
    )


def _conv(inside: int = WIDTH, outside: int = WIDTH, *, stride: int = 1, bias: bool = True) -> nn.Conv2d:
    return nn.Conv2d(inside, outside, 3, padding=1, stride=stride, bias=bias)


def _blocks(count: int, *, pooled: bool = False) -> list[nn.Module]:
    return [Block(pooled=pooled) for _ in range(count)]


# The layers' order is the published files': their names are places in these sequences.
def _encoder(channels: int) -> nn.Sequential:
    layers: list[nn.Module] = [_conv(3), *_blocks(1)]
    for pooled in (False, False, True):
        layers += [_conv(stride=2, bias=False), *_blocks(3, pooled=pooled)]
    return nn.Sequential(*layers, _conv(outside=channels))


def _decoder(channels: int) -> nn.Sequential:
    layers: list[nn.Module] = [SoftClamp(), _conv(channels), nn.ReLU()]
    for blocks, pooled in ((3, True), (3, False), (3, False)):
        layers += [*_blocks(blocks, pooled=pooled), nn.Upsample(scale_factor=2), _conv(bias=False)]
    return nn.Sequential(*layers, *_blocks(1), _conv(outside=3))
