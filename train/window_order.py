"""The endless order of a corpus' windows: a seeded permutation for every epoch, and any place of it at once.

A clip has slots, about one for each stretch of frames that a window denoises, so a long clip counts for more. An epoch
takes every slot once, in an order that a keyed permutation gives place by place: nothing as long as the corpus' windows
is held, and place 10^9 costs what place 0 does.
"""

import hashlib
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from curate.errors import EmoforgeError

ROUNDS = 8
FAR = 1 << 40  # places: no training comes as far


@dataclass(frozen=True, kw_only=True)
class Slot:
    """The `number`-th of a clip's slots, both from 0; the clip by its place in the corpus."""

    clip: int
    number: int


@dataclass(frozen=True, kw_only=True, eq=False)
class Pool:
    """Clips (n,) that are walked in an order of their own, and the weight they have among the pools."""

    name: str
    weight: float
    clips: NDArray[np.int64]


def pools_of(domains: Sequence[str], mix: Mapping[str, float]) -> list[Pool]:
    """Return a pool for each domain with weight, of the clips that are of it; EmoforgeError for a mix that can't be."""
    there = ", ".join(f"{name} ({count} clips)" for name, count in sorted(Counter(domains).items()))
    if not all(math.isfinite(weight) and weight >= 0 for weight in mix.values()) or not any(mix.values()):
        raise EmoforgeError(f"the mix must give weights from 0 up, one at least above 0, not {dict(mix)}")
    of = np.asarray(domains)
    pools = [Pool(name=name, weight=mix[name], clips=np.flatnonzero(of == name)) for name in sorted(mix) if mix[name]]
    if empty := next((pool.name for pool in pools if not len(pool.clips)), None):
        raise EmoforgeError(
            f"the mix gives weight to {empty}, but no clip that is long enough is of it; there are: {there}"
        )
    return pools


class WindowOrder:
    """Where each place of the order points to, by the seed and the place alone; `slots` has each clip's, 1 or more."""

    def __init__(self, slots: NDArray[np.int64], pools: Sequence[Pool], *, seed: int) -> None:
        self._pools = pools
        self._ends = [np.cumsum(slots[pool.clips]) for pool in pools]
        self._weights = [Fraction(pool.weight) for pool in pools]
        self._seed = seed

    def at(self, place: int, *, attempt: int = 0) -> Slot:
        """Return the slot at a place (from 0); another `attempt` gives another slot of the same pool, from far away."""
        which, number = share(place, self._weights)
        pool, ends = self._pools[which], self._ends[which]
        epoch, among = divmod(number + attempt * FAR, int(ends[-1]))
        key = hashlib.blake2b(f"{self._seed} {pool.name} {epoch}".encode(), digest_size=16).digest()
        slot = shuffled(among, int(ends[-1]), key=key)
        clip = int(np.searchsorted(ends, slot, side="right"))
        return Slot(clip=int(pool.clips[clip]), number=slot - int(ends[clip - 1] if clip else 0))


def share(place: int, weights: Sequence[Fraction]) -> tuple[int, int]:
    """Return which of the weights takes a place, and how many places before it that one took.

    Of any run of places each weight takes its share to within one place for each weight: the first takes a place
    whenever its share of the places so far passes a whole number, and the next ones deal out the rest likewise.
    """
    for which in range(len(weights) - 1):
        part = weights[which] / sum(weights[which:])
        taken = place * part.numerator // part.denominator
        if (place + 1) * part.numerator // part.denominator > taken:
            return which, taken
        place -= taken
    return len(weights) - 1, place


def shuffled(place: int, n: int, *, key: bytes) -> int:
    """Return where a keyed permutation of range(n) takes `place`.

    A Feistel network permutes the next larger 4^k numbers; what falls outside walks on until it is inside again
    (Black and Rogaway, Ciphers with Arbitrary Finite Domains, 2002).
    """
    half = max(1, ((n - 1).bit_length() + 1) // 2)
    while True:
        place = _feistel(place, half, key)
        if place < n:
            return place


def _feistel(number: int, half: int, key: bytes) -> int:
    mask = (1 << half) - 1
    left, right = number >> half, number & mask
    for turn in range(ROUNDS):
        mixed = hashlib.blake2b(right.to_bytes(8, "little"), digest_size=8, key=key, salt=bytes([turn])).digest()
        left, right = right, left ^ (int.from_bytes(mixed, "little") & mask)
    return left << half | right
