"""A frozen network over many pictures, a few at a time, so that its memory doesn't grow with the clip."""

from collections.abc import Callable

import torch
from torch import Tensor

PIECE_PX = 16 * 256 * 256  # of pictures at once: 16 of 256 px, or 4 of 512


def in_pieces(network: Callable[[Tensor], Tensor], pictures: Tensor, *, px_a_side: int = 1) -> Tensor:
    """Return the network's answers to `pictures` (..., C, h, w), whose every element is `px_a_side` px wide."""
    px = pictures.shape[-2] * pictures.shape[-1] * px_a_side**2
    pieces = pictures.reshape(-1, *pictures.shape[-3:]).split(max(1, PIECE_PX // px))
    answers = torch.cat([network(piece) for piece in pieces])
    return answers.reshape(*pictures.shape[:-3], *answers.shape[1:])
