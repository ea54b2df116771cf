"""Boxes as (4,) left, top, right, bottom, and how much of them two share."""

import numpy as np
from numpy.typing import NDArray

Edges = NDArray[np.float32]


def area(box: Edges) -> float:
    """Return the area of a box."""
    return float((box[2] - box[0]) * (box[3] - box[1]))


def shared_area(first: Edges, second: Edges) -> float:
    """Return the area that two boxes share, 0 where they don't meet."""
    width = min(first[2], second[2]) - max(first[0], second[0])
    height = min(first[3], second[3]) - max(first[1], second[1])
    return float(width * height) if width > 0 and height > 0 else 0.0
