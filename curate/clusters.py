"""Groups clips by the person they show: average-link clusters of identity embeddings, one answer for one set of clips.

Two clusters join while each is the other's nearest and the mean cosine between their clips is at least the threshold
(UPGMA, cut there): one look-alike can't chain strangers together, as it does when a single link is enough. A cluster
without such a neighbour will never have one (the mean lies between its parts'), so it is finished.

With 15 000 clusters or fewer the search for the nearest is exact. Beyond, it looks only in the two cells, of about
sqrt(n), whose pivots are nearest (n^1.5 in all), and goes over what is left with other pivots; what it still misses
is a person in two clusters, which `splits` reports as the nearest pair across splits. The embedding mistakes some
strangers for one person at its own threshold, so among 100 000 people many have a look-alike: there, splits that are
disjoint by cluster are disjoint by person only as far as the embedding can tell.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from curate.identity import SAME_PERSON_COSINE

EXACT, PROBES, SEARCHES = 15_000, 2, 3
CELL_ROWS = 4096  # a cell (one person on all clips) is searched in pieces of this size, which bounds the time

Vectors = NDArray[np.float32]


def identity_clusters(identity: Vectors, *, threshold: float = SAME_PERSON_COSINE) -> NDArray[np.int64]:
    """Return (n,) the first clip of each clip's cluster, for (n, 128) unit embeddings in the order of the clips' ids.

    A row of zeros (no face was embedded) is a cluster of its own.
    """
    owner = np.arange(len(identity))
    sums, sizes = identity.astype(np.float32).copy(), np.ones(len(identity), np.int64)
    for search in range(SEARCHES):
        alive = np.flatnonzero((owner == np.arange(len(owner))) & np.any(identity != 0, axis=1))
        is_exact = len(alive) <= EXACT
        _join(owner, sums, sizes, alive, threshold=threshold, seed=search)
        if is_exact:
            break
    return _roots(owner)


def _join(
    owner: NDArray[np.int64],
    sums: Vectors,
    sizes: NDArray[np.int64],
    alive: NDArray[np.int64],
    *,
    threshold: float,
    seed: int,
) -> None:
    """Join mutually nearest clusters until none is left, writing into owner, sums and sizes."""
    while len(alive) > 1:
        nearest, cosine = _nearest((sums[alive] / sizes[alive, None]).astype(np.float32), seed)
        alike = cosine >= threshold
        place = np.arange(len(alive))
        first = np.flatnonzero(alike & (nearest[nearest] == place) & (place < nearest))
        if not len(first):
            return
        into, gone = alive[first], alive[nearest[first]]
        sums[into] += sums[gone]
        sizes[into] += sizes[gone]
        owner[gone] = into
        alike[nearest[first]] = False
        alive = alive[alike]


def _roots(owner: NDArray[np.int64]) -> NDArray[np.int64]:
    while np.any(owner != owner[owner]):
        owner = owner[owner]
    return owner


def _nearest(means: Vectors, seed: int) -> tuple[NDArray[np.int64], Vectors]:
    """Return each vector's nearest other and their dot product; of two as near, the earlier."""
    nearest, cosine = np.arange(len(means)), np.full(len(means), -np.inf, np.float32)
    for members in _cells(means, seed):
        for rows in np.array_split(members, -(-len(members) // 1024)):
            found = means[rows] @ means[members].T
            found[rows[:, None] == members] = -np.inf
            best = found.argmax(axis=1)
            value, other = found[np.arange(len(rows)), best], members[best]
            better = (value > cosine[rows]) | ((value == cosine[rows]) & (other < nearest[rows]))
            nearest[rows[better]], cosine[rows[better]] = other[better], value[better]
    return nearest, cosine


def _cells(means: Vectors, seed: int) -> Iterator[NDArray[np.int64]]:
    """Yield overlapping groups in which nearest neighbours meet: all vectors together, or by their nearest pivots."""
    n = len(means)
    if n <= EXACT:
        yield np.arange(n)
        return
    pivots = means[np.random.default_rng(seed).choice(n, round(n**0.5), replace=False)]
    centre = pivots.mean(axis=0)  # what all faces share says nothing about which are near
    pivots = (pivots - centre) / np.linalg.norm(pivots - centre, axis=1, keepdims=True)
    near = [_nearest_pivots(part - centre, pivots) for part in np.array_split(means, -(-n // 4096))]
    cell = np.concatenate(near).reshape(-1)
    order = np.argsort(cell, kind="stable")
    for members in np.split(order // PROBES, np.flatnonzero(np.diff(cell[order])) + 1):
        yield from np.array_split(members, -(-len(members) // CELL_ROWS))


def _nearest_pivots(vectors: Vectors, pivots: Vectors) -> NDArray[np.int64]:
    return np.argpartition(-(vectors @ pivots.T), PROBES, axis=1)[:, :PROBES].astype(np.int64)
