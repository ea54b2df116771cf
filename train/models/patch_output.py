"""The patch output: reads a narrow UNet's output as a change of the portrait, and works out the noise from it."""

import torch
from torch import Tensor, nn

from train.noise_schedule import Schedule, noise_schedule

GATE_RATE = 10.0  # the gate's parameters are a tenth of what they stand for: it opens in tens of steps, not hundreds
UNEXPLAINED = 0.1  # e: the standard deviation that a well-trained estimate leaves unexplained, in latents of [-1, 1]


class PatchOutput(nn.Module):
    """Turn the UNet's output u into the predicted noise.

    Noise has full rank: with P x P px folded into 3 P^2 channels, a UNet no wider than that can't carry it through,
    while the picture itself needs far fewer (arXiv 2511.13720 makes the same observation). So u predicts the picture:
    m = g r + u, where r is the portrait and the gate g, one number a channel, begins at zero and learns how much of
    it to let through (a few hundred steps don't teach attention to copy a face). The noise in x = a x0 + s n is its
    mean given x0 ~ N(m, e^2): s (x - a m) / (s^2 + a^2 e^2).
    """

    alphas_cumprod: Tensor

    def __init__(self, channels: int, schedule: Schedule) -> None:
        super().__init__()
        self.gate = nn.Parameter(torch.zeros(channels))
        self.register_buffer("alphas_cumprod", noise_schedule(schedule).alphas_cumprod, persistent=False)

    def forward(self, change: Tensor, noisy: Tensor, timesteps: Tensor, portrait: Tensor) -> Tensor:
        """Take u and x (B, F, C, h, w), timesteps (B,) and r (B, C, h, w); return the predicted noise."""
        estimate = change + GATE_RATE * self.gate[:, None, None] * portrait[:, None]
        a_squared = self.alphas_cumprod[timesteps].to(noisy)[:, None, None, None, None]
        s_squared = 1 - a_squared
        gain = s_squared.sqrt() / (s_squared + a_squared * UNEXPLAINED**2)
        return gain * (noisy - a_squared.sqrt() * estimate)
