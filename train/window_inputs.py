"""From windows to what the model is trained on: latents, encoded conditions' inputs, and a window's own randomness."""

import numpy as np
import torch
from torch import Tensor

from train.dataset import Batch, to_pictures
from train.models.conditions import Inputs
from train.models.emo import EmoModel
from train.stages import Stage


def place_generator(seed: int, place: int) -> torch.Generator:
    """Return the randomness of one window, whatever ran before it and wherever."""
    (state,) = np.random.SeedSequence([seed, place]).generate_state(1, np.uint64)
    return torch.Generator().manual_seed(int(state >> np.uint64(1)))


@torch.no_grad()
def to_inputs(batch: Batch, stage: Stage, model: EmoModel, device: torch.device) -> tuple[Tensor, Inputs]:
    """Return the latents to denoise (B, F, C, h, w) and the conditions that the stage gives."""
    latents = model.latents.encode(to_pictures(batch.frames.to(device))).float()
    motion, target = latents[:, : stage.motion_frames], latents[:, stage.motion_frames :]
    return target, Inputs(
        reference=model.latents.encode(to_pictures(batch.reference.to(device))).float(),
        face_mask=batch.face_mask.to(device),
        motion=motion if stage.motion_frames else None,
        audio=model.speech(batch.samples.to(device)).float() if stage.has_audio else None,
        speed=batch.speed.to(device) if stage.has_speed else None,
    )
