"""The patch output: reads a narrow UNet's output as the picture, and works out the noise from it."""

from torch import Tensor, nn

from train.noise_schedule import noise_schedule

UNEXPLAINED = 0.1  # e: the standard deviation that a well-trained estimate leaves unexplained, in latents of [-1, 1]


class PatchOutput(nn.Module):
    """Turn an estimate m of the clean latents into the predicted noise.

    Noise has full rank: with P x P px folded into 3 P^2 channels, a UNet no wider than that can't carry it through,
    while the picture itself needs far fewer (arXiv 2511.13720 makes the same observation). So the UNet predicts m, and
    the noise in x = a x0 + s n is its mean given x0 ~ N(m, e^2): s (x - a m) / (s^2 + a^2 e^2).
    """

    alphas_cumprod: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("alphas_cumprod", noise_schedule().alphas_cumprod, persistent=False)

    def forward(self, estimate: Tensor, noisy: Tensor, timesteps: Tensor) -> Tensor:
        """Take m and x (B, F, C, h, w) and timesteps (B,); return the predicted noise."""
        a_squared = self.alphas_cumprod[timesteps].to(noisy)[:, None, None, None, None]
        s_squared = 1 - a_squared
        gain = s_squared.sqrt() / (s_squared + a_squared * UNEXPLAINED**2)
        return gain * (noisy - a_squared.sqrt() * estimate)
