"""Finds which clips of a whole corpus may share a span, from rows of 32-bit words, without comparing all with all.

Each word is looked up four times, each time without one of its bytes, so that a word with errors in one byte still
meets its like. Two clips that share two words or more at about the same shift become a candidate pair.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

NEIGHBOURS = 12  # clips that a clip meets at a word, however common the word is
ENTRIES_A_BLOCK = 1 << 20  # bounds the votes held at once, at NEIGHBOURS times 8 bytes each
MAX_CLIPS = 1 << 24
_BYTES = (0, 8, 16, 24)
_TIME = np.uint64(0xFFFF)

Entries = NDArray[np.uint64]


@dataclass(frozen=True, kw_only=True, eq=False)
class Words:
    """Rows of words: clip i has `values[offsets[i] : offsets[i + 1]]`, `step_s` seconds apart; 0 is no evidence."""

    values: NDArray[np.uint32]
    offsets: NDArray[np.int64]
    step_s: float

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def row(self, clip: int) -> NDArray[np.uint32]:
        """Return one clip's words."""
        return self.values[self.offsets[clip] : self.offsets[clip + 1]]


def candidate_pairs(words: Words, *, votes: int = 2, shift_bin_s: float = 1.0) -> NDArray[np.int64]:
    """Return (pairs, 2) rows i < j of clips that share `votes` words at about one shift, sorted.

    Time and memory grow with the number of words (8 bytes each, and a bounded block): a word that many clips
    have (a logo, a hum) joins each of them to its next few only, so the order of the clips should mean nothing, as that
    of their ids does. Clips that share much are then still joined, through each other.
    """
    if len(words) > MAX_CLIPS:
        raise ValueError(f"{len(words)} clips are more than the {MAX_CLIPS} that the index can name")
    bin_words = max(1, round(shift_bin_s / words.step_s))
    found = [np.zeros(0, np.uint64)]
    for byte in _BYTES:
        entries = _entries(words, byte)
        for first, end in _blocks(entries, len(words)):
            shared = np.concatenate(list(_votes(entries, first, end, bin_words=bin_words)))
            keys, counts = np.unique(shared, return_counts=True)
            found.append(np.unique(keys[counts >= votes] >> np.uint64(16)))
    pairs = np.unique(np.concatenate(found))
    return np.stack([pairs >> np.uint64(24), pairs & np.uint64(MAX_CLIPS - 1)], axis=1).astype(np.int64)


def _entries(words: Words, byte: int) -> Entries:
    """Return sorted 64-bit entries, one a clip and word: the word without a byte (24), the clip (24), its time (16)."""
    low = np.uint64((1 << byte) - 1)
    values = words.values.astype(np.uint64)
    short = (values & low) | ((values >> np.uint64(byte + 8)) << np.uint64(byte))
    lengths = np.diff(words.offsets)
    clip = np.repeat(np.arange(len(words), dtype=np.uint64), lengths)
    time = (np.arange(len(values)) - np.repeat(words.offsets[:-1], lengths)).astype(np.uint64) & _TIME
    entries: Entries = np.sort((short << np.uint64(40) | clip << np.uint64(16) | time)[values != 0])
    first = np.ones(len(entries), bool)
    first[1:] = entries[1:] >> np.uint64(16) != entries[:-1] >> np.uint64(16)
    entries = entries[first]  # a word that a clip holds for long (a still picture) counts once
    follows = entries[1:] >> np.uint64(40) == entries[:-1] >> np.uint64(40)
    shared = np.zeros(len(entries), bool)
    shared[1:] |= follows
    shared[:-1] |= follows
    return entries[shared]


def _votes(entries: Entries, first: int, end: int, *, bin_words: int) -> Iterator[Entries]:
    """Yield a 64-bit vote for every word that a clip of [first, end) shares: clip, later clip, coarse shift."""
    clip = _clip(entries)
    rows = np.flatnonzero((clip >= first) & (clip < end))
    for ahead in range(1, NEIGHBOURS + 1):
        rows = rows[rows + ahead < len(entries)]
        here, there = entries[rows], entries[rows + ahead]
        same = here >> np.uint64(40) == there >> np.uint64(40)
        rows, here, there = rows[same], here[same], there[same]
        shift = (here & _TIME).astype(np.int64) - (there & _TIME).astype(np.int64)
        coarse = (shift // bin_words + (1 << 15)).astype(np.uint64)
        yield _clip(here) << np.uint64(40) | _clip(there) << np.uint64(16) | coarse


def _clip(entries: Entries) -> Entries:
    return np.asarray(entries >> np.uint64(16) & np.uint64(MAX_CLIPS - 1), np.uint64)


def _blocks(entries: Entries, n_clips: int) -> Iterator[tuple[int, int]]:
    """Yield ranges of clips with about ENTRIES_A_BLOCK entries each: all votes of a pair fall into its first clip's."""
    counts = np.bincount(_clip(entries).astype(np.int64), minlength=n_clips)
    starts = np.flatnonzero(np.diff(np.cumsum(counts) // ENTRIES_A_BLOCK, prepend=-1))
    yield from zip(starts.tolist(), [*starts[1:].tolist(), n_clips], strict=True)
