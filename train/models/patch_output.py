"""The output: what the UNet gives, read as the prediction itself, or as a change of the portrait."""

import torch
from torch import Tensor, nn

from train.noise_schedule import Schedule, noise_schedule

GATE_RATE = 10.0  # the gate's parameters are a tenth of what they stand for: it opens in tens of steps, not hundreds


class PlainOutput(nn.Module):
    """The UNet's output is the prediction, as Stable Diffusion's is."""

    def forward(self, change: Tensor, noisy: Tensor, timesteps: Tensor, portrait: Tensor) -> Tensor:
        """Take what PatchOutput takes, and return `change`."""
        return change


class PatchOutput(nn.Module):
    """Turn the UNet's output u into the prediction that the schedule asks for (noise, or v).

    Noise has full rank: with P x P px folded into 3 P^2 channels, a UNet no wider than that can't carry it through,
    while the picture itself needs far fewer (arXiv 2511.13720 makes the same observation). So u predicts the picture:
    m = g r + u, where r is the portrait and the gate g, one number a channel, begins at zero and learns how much of
    it to let through (a few hundred steps don't teach attention to copy a face). With no portrait (r = 0) u stands
    alone. `unexplained` is e, the standard deviation that a well-trained estimate leaves. The noise n in x = a x0 + s n
    is its mean given x0 ~ N(m, e^2): s (x - a m) / (s^2 + a^2 e^2); x0's is m + a e^2 (x - a m) / (s^2 + a^2 e^2), and
    v = a n - s x0. Nothing is divided by a, so a last step of pure noise (a = 0) is as good as any.
    """

    alphas_cumprod: Tensor

    def __init__(self, channels: int, schedule: Schedule, *, unexplained: float) -> None:
        super().__init__()
        self.gate = nn.Parameter(torch.zeros(channels))
        self._unexplained = unexplained
        self._gives_v = schedule.prediction_type == "v_prediction"
        self.register_buffer("alphas_cumprod", noise_schedule(schedule).alphas_cumprod, persistent=False)

    def forward(self, change: Tensor, noisy: Tensor, timesteps: Tensor, portrait: Tensor) -> Tensor:
        """Take u and x (B, F, C, h, w), timesteps (B,) and r (B, C, h, w); return the prediction."""
        estimate = change + GATE_RATE * self.gate[:, None, None] * portrait[:, None]
        a_squared = self.alphas_cumprod[timesteps].to(noisy)[:, None, None, None, None]
        signal, spread = a_squared.sqrt(), (1 - a_squared).sqrt()
        surprise = (noisy - signal * estimate) / (1 - a_squared + a_squared * self._unexplained**2)
        noise = spread * surprise
        if not self._gives_v:
            return noise
        clean = estimate + signal * self._unexplained**2 * surprise
        return signal * noise - spread * clean
