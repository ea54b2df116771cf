"""Detectors of known answers for the tests of `emoforge detect`: they tell a made fake by its colour."""

import os
import signal
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from curate.media import read_frames


def right(video: Path) -> float:
    """Sure and right: generated clips are made greener than real ones."""
    return 0.9 if _is_green(video) else 0.1


def wrong(video: Path) -> float:
    """Sure and wrong of every clip."""
    return 1 - right(video)


def constant(video: Path) -> float:
    """The same for all."""
    return 0.5


def silent(video: Path) -> None:
    """Never an answer."""


def careful(video: Path) -> float | None:
    """Right, and silent on generated clips."""
    return None if _is_green(video) else 0.1


def failing(video: Path) -> float:
    """Raises, naming the file, which is in another place each time."""
    raise ValueError(f"the model can't read {video}")


def deadly(video: Path) -> float:
    """Takes its process down with generated clips."""
    if _is_green(video):
        os.kill(os.getpid(), signal.SIGSEGV)
    return 0.1


def stuck(video: Path) -> float:
    """Never comes back from a picture of one colour."""
    if _middle(video).std(axis=(0, 1)).max() < 5:
        time.sleep(600)
    return 0.1


def _is_green(video: Path) -> bool:
    """Whether it is greener than a face is."""
    colour = _middle(video).mean(axis=(0, 1))
    return bool(colour[1] > colour[0])


def _middle(video: Path) -> NDArray[np.float64]:
    """The middle of the first picture, where the face is."""
    picture = next(iter(read_frames(video))).image.astype(np.float64)
    height, width = picture.shape[:2]
    return picture[height // 4 : -height // 4, width // 4 : -width // 4]
