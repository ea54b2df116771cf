"""Lays pairs of clips' words over each other at every shift in time and finds where fewest bits differ."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from curate.candidates import Words
from curate.fingerprints import MIRROR_BITS

CELLS_A_BATCH = 1 << 19  # words compared at once: bounds the memory at some ten bytes each


def best_shifts(
    words: Words,
    a: NDArray[np.int64],
    b: NDArray[np.int64],
    *,
    needed_s: NDArray[np.float64],
    turned: bool = False,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return, for each pair of clips (a[i], b[i]), the shift at which the share of differing bits is least, and it.

    b begins `shift_s` after a. Only shifts at which `needed_s` of non-zero words meet are looked at; the share is
    infinite where there is none. With `turned`, b is mirrored.
    """
    shift_s, error = np.zeros(len(a)), np.full(len(a), np.inf)
    for rows in _batches(np.maximum(_lengths(words)[a], _lengths(words)[b])):
        first, second = _padded(words, a[rows]), _padded(words, b[rows])
        second = mirrored(second) if turned else second
        places, error[rows] = _best_places(first, second, needed_s[rows] / words.step_s)
        shift_s[rows] = (places - second.shape[1] + 1) * words.step_s
    return shift_s, error


def mirrored(words: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """Return the picture words that the mirror image would have."""
    return np.where(words != 0, words ^ np.uint32(MIRROR_BITS), words).astype(np.uint32)


def _best_places(
    first: NDArray[np.uint32], second: NDArray[np.uint32], needed: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return (pairs,) the best column of the diagonal sums and the share of differing bits there."""
    backwards = second[:, None, ::-1]
    evidence = (first[:, :, None] != 0) & (backwards != 0)
    differ = np.bitwise_count(first[:, :, None] ^ backwards) * evidence
    shared = _diagonal_sums(evidence.view(np.uint8))
    error = _diagonal_sums(differ) / np.maximum(shared, 1) / 32
    error[shared < np.maximum(needed, 1)[:, None]] = np.inf
    places = error.argmin(axis=1)
    return places, error[np.arange(len(error)), places]


def _diagonal_sums(table: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Return (pairs, n + m - 1) sums of (pairs, n, m) tables over equal i + j.

    With each row padded by n and read one shorter, every row stands one further right than the one above.
    """
    pairs, n, m = table.shape
    padded = np.zeros((pairs, n, n + m), np.uint8)
    padded[:, :, :m] = table
    skewed = padded.reshape(pairs, -1)[:, : n * (n + m - 1)].reshape(pairs, n, n + m - 1)
    return np.asarray(skewed.sum(axis=1, dtype=np.uint32), np.int64)


def _batches(lengths: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
    """Yield the places of pairs of about one length at a time."""
    order = np.argsort(lengths, kind="stable")[::-1]
    start = 0
    while start < len(order):
        longest = max(1, int(lengths[order[start]]))
        end = start + max(1, CELLS_A_BATCH // (2 * longest * longest))
        yield order[start:end]
        start = end


def _padded(words: Words, clips: NDArray[np.int64]) -> NDArray[np.uint32]:
    """Return the clips' words as rows of one length, zeros (no evidence) at their ends."""
    lengths = _lengths(words)[clips]
    columns = np.arange(max(1, int(lengths.max(initial=0))))
    inside = columns < lengths[:, None]
    padded = np.zeros(inside.shape, np.uint32)
    padded[inside] = words.values[(words.offsets[clips, None] + columns)[inside]]
    return padded


def _lengths(words: Words) -> NDArray[np.int64]:
    return np.diff(words.offsets)
