"""Loads a transformers model from a folder on disk: safetensors only, no network access, every tensor accounted for."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from curate import weights
from curate.errors import WeightsError

# ImageNet's, which both models were trained with
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def load_pretrained(architecture: str, name: str) -> Any:
    """The transformers class `architecture` with the weights `name`, whose folder also holds its config.json.

    Raises WeightsError without the package or the files, and when a tensor is missing or has another shape.
    """
    folder = weights.path(name).parent
    try:
        import transformers
    except ImportError as error:
        raise WeightsError("this needs transformers; install it with: pip install 'emoforge[features]'") from error
    try:
        model, told = getattr(transformers, architecture).from_pretrained(
            folder, local_files_only=True, use_safetensors=True, output_loading_info=True, dtype=torch.float32
        )
    except (OSError, ValueError, RuntimeError) as error:
        raise WeightsError(f"{folder} holds no {architecture} with its config.json: {error}") from error
    if missing := [*told["missing_keys"], *told["mismatched_keys"]]:
        raise WeightsError(f"{folder} lacks tensors of {architecture}: {missing[:4]}")
    return model.eval().requires_grad_(False)


def normalised(image: NDArray[np.uint8], side_px: int, resample: Image.Resampling) -> Tensor:
    """The centre square of an (H, W, 3) RGB picture as (3, side, side), ImageNet's mean and deviation taken out."""
    height, width = image.shape[:2]
    side = min(height, width)
    left, top = (width - side) // 2, (height - side) // 2
    square = Image.fromarray(image).crop((left, top, left + side, top + side))
    values = np.asarray(square.resize((side_px, side_px), resample), np.float32) / 255
    centred = (values - np.asarray(MEAN, np.float32)) / np.asarray(DEVIATION, np.float32)
    return torch.from_numpy(centred).permute(2, 0, 1).contiguous()
