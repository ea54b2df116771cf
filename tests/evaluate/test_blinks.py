"""Blinks in series made by hand."""

import numpy as np

from evaluate.blinks import blinks


def series(n: int, *events: tuple[int, int], level: float = 0.6) -> np.ndarray:  # type: ignore[type-arg]
    closed = np.full(n, 0.1, np.float32)
    for start, length in events:
        closed[start : start + length] = level
    return closed


def test_blinks_are_short_and_deep() -> None:
    assert blinks(series(1500, (100, 5), (300, 3), (900, 8))) == 3
    assert blinks(series(1500, (1000, 100))) == 0, "eyes kept shut for four seconds"
    assert blinks(series(1500, (1000, 3), level=0.3)) == 0, "a glance down"


def test_half_closed_lids_are_the_resting_level_of_who_has_them() -> None:
    closed = series(500, (100, 5), (200, 5), level=0.75)
    closed[closed == np.float32(0.1)] = 0.45
    assert blinks(closed) == 2


def test_a_lost_face_does_not_blink() -> None:
    closed = series(500, (100, 5))
    closed[100:300] = np.nan
    assert blinks(closed) == 0
    assert blinks(np.full(10, np.nan, np.float32)) == 0
