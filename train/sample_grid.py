"""A picture of what a model makes of some windows, beside what is true."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from train.dataset import Batch, to_pictures
from train.models.emo import EmoModel
from train.schedulers import solve
from train.stages import Stage
from train.window_inputs import place_generator, to_inputs

GAP_PX = 2


@torch.no_grad()
def sample_grid(
    model: EmoModel, batch: Batch, stage: Stage, *, seed: int, steps: int = 10, columns: int = 4
) -> NDArray[np.uint8]:
    """Return (H, W, 3) RGB, a row a window: its reference, `columns` sampled frames, and the same frames as they are.

    Each window is sampled with its own noise, by so many `steps` of DDIM, after its true motion frames.
    """
    device = next(model.parameters()).device
    latents, inputs = to_inputs(batch, stage, model, device)
    noise = torch.stack([torch.randn(latents.shape[1:], generator=place_generator(seed, p)) for p in batch.places])
    conditions = model.encode(inputs)
    sampled = solve(
        lambda noisy, timesteps: model.denoise(noisy, timesteps, conditions),
        noise.to(latents),
        scheduler="ddim",
        steps=steps,
        schedule=model.schedule,
        limit=model.latents.limit,
    )
    shown = np.linspace(0, stage.window_frames - 1, min(columns, stage.window_frames)).round().astype(int)
    made = model.latents.decode(sampled[:, shown])
    real = to_pictures(batch.frames[:, stage.motion_frames + shown])
    reference = to_pictures(batch.reference)[:, None]
    rows = torch.cat([part.float().cpu() for part in (reference, made, real)], dim=1)
    return _tiled(rows)


def _tiled(pictures: Tensor) -> NDArray[np.uint8]:
    """Join (rows, columns, 3, S, S) in [-1, 1] into one picture with white gaps."""
    framed = torch.nn.functional.pad(pictures, (0, GAP_PX, 0, GAP_PX), value=1.0)
    rows, columns, channels, height, width = framed.shape
    joined = framed.permute(0, 3, 1, 4, 2).reshape(rows * height, columns * width, channels)
    return np.asarray(((joined + 1) * 127.5).round().clamp(0, 255).byte().numpy())
