"""Near-duplicate clips of a corpus: which share a span of picture or sound, and which one of them is kept.

Two clips share a span if, at one shift in time, for two seconds or more (or half of a clip shorter than four),

* picture: their pictures move and look alike, also mirrored, whatever their sound: one picture dubbed in two
  languages is a duplicate, since its lips fit one of them at most and its frames must stay on one side of a split; or
* sound: their sound is the same and so is the person (identity embeddings), however the picture was reframed.
  A voice-over of another picture, two faces of one conversation and cover versions are no duplicates.

Silence, black and stillness are no evidence: a copy of a silent clip in which hardly anything moves is not found, nor
always a silent copy with a shifted crop (a systematic error of all its looks). A change of speed is not looked for.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from curate.alignment import best_shifts, mirrored
from curate.candidates import Words, candidate_pairs
from curate.fingerprints import AUDIO_WORD_S, FRAME_HASH_S, LEFT_RIGHT_BIT
from curate.identity import SAME_PERSON_COSINE

MIN_SHARED_S, MIN_SHARED_SHARE = 2.0, 0.5
# shares of bits that differ: half-way between the copies and the strangers that fingerprints.py tells of
MAX_MOVEMENT_ERROR, MAX_LOOK_ERROR, MAX_SOUND_ERROR = 0.28, 0.3, 0.25
COVERED = 0.5  # a clip of which a kept one holds at least this share is its duplicate
STARS = 8  # representatives of a cluster that are compared with all its members, pair found or not

Evidence = Literal["picture", "mirrored picture", "sound"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Fingerprints:
    """The clips' fingerprints in one order: (n,) seconds, look, movement and sound words, (n, 128) unit identities."""

    duration_s: NDArray[np.float64]
    look: Words
    movement: Words
    sound: Words
    identity: NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class Pair:
    """Clips `a` < `b` (places in the fingerprints) that share `overlap_s`; b begins `shift_s` after a's beginning.

    `movement`, `look` and `sound` are the shares of bits that differ at that shift (None where there was no evidence),
    `identity` is the cosine of the two faces.
    """

    a: int
    b: int
    by: Evidence
    shift_s: float
    overlap_s: float
    movement: float | None
    look: float | None
    sound: float | None
    identity: float


def fingerprints(
    *,
    duration_s: NDArray[np.float64],
    frame_hashes: tuple[NDArray[np.int64], NDArray[np.int64]],
    audio_fingerprint: tuple[NDArray[np.int32], NDArray[np.int64]],
    identity: NDArray[np.float32],
) -> Fingerprints:
    """Take the shards' columns: lists as (values, offsets), clip i's being values[offsets[i] : offsets[i + 1]]."""
    hashes, offsets = frame_hashes
    words = hashes.view(np.uint64)
    return Fingerprints(
        duration_s=duration_s,
        look=Words(values=(words >> np.uint64(32)).astype(np.uint32), offsets=offsets, step_s=FRAME_HASH_S),
        movement=Words(values=words.astype(np.uint32), offsets=offsets, step_s=FRAME_HASH_S),
        sound=Words(values=audio_fingerprint[0].view(np.uint32), offsets=audio_fingerprint[1], step_s=AUDIO_WORD_S),
        identity=identity,
    )


def near_duplicates(clips: Fingerprints) -> list[Pair]:
    """Return every pair of clips found to share a span; give the clips in the order of their ids."""
    look = Words(values=_mirrorless(clips.look.values), offsets=clips.look.offsets, step_s=FRAME_HASH_S)
    pairs = np.unique(np.concatenate([candidate_pairs(look), candidate_pairs(clips.sound)]), axis=0)
    return compare(clips, pairs[:, 0], pairs[:, 1])


def compare(clips: Fingerprints, a: NDArray[np.int64], b: NDArray[np.int64]) -> list[Pair]:
    """Return what the clips of each pair a[i] < b[i] share, leaving out those that share nothing."""
    found: list[Pair] = []
    for find in (_by_picture, _by_mirrored_picture, _by_sound):
        pairs = find(clips, a, b)
        found += pairs
        done = {(pair.a, pair.b) for pair in pairs}
        left = np.array([ends not in done for ends in zip(a.tolist(), b.tolist(), strict=True)], bool)
        a, b = a[left], b[left]
    return found


def _by_picture(
    clips: Fingerprints, a: NDArray[np.int64], b: NDArray[np.int64], *, by: Evidence = "picture"
) -> list[Pair]:
    turned = by == "mirrored picture"
    shift_s, error = best_shifts(clips.movement, a, b, needed_s=_needed_s(clips, a, b), turned=turned)
    moving = np.flatnonzero(error <= MAX_MOVEMENT_ERROR)
    pairs = (_pair(clips, int(a[i]), int(b[i]), by, float(shift_s[i])) for i in moving)
    return [pair for pair in pairs if pair.look is not None and pair.look <= MAX_LOOK_ERROR]


def _by_mirrored_picture(clips: Fingerprints, a: NDArray[np.int64], b: NDArray[np.int64]) -> list[Pair]:
    """Look at the pairs whose middle frames don't look alike as they are: one scene is the common case, and costly."""
    middle = np.append(clips.look.values, np.uint32(0))[(clips.look.offsets[:-1] + clips.look.offsets[1:]) // 2]
    unlike = np.bitwise_count(middle[a] ^ middle[b]) > 32 * MAX_LOOK_ERROR / 2
    return _by_picture(clips, a[unlike], b[unlike], by="mirrored picture")


def _by_sound(clips: Fingerprints, a: NDArray[np.int64], b: NDArray[np.int64]) -> list[Pair]:
    same = np.einsum("nd,nd->n", clips.identity[a], clips.identity[b]) >= SAME_PERSON_COSINE
    a, b = a[same], b[same]
    shift_s, error = best_shifts(clips.sound, a, b, needed_s=_needed_s(clips, a, b))
    heard = np.flatnonzero(error <= MAX_SOUND_ERROR)
    return [_pair(clips, int(a[i]), int(b[i]), "sound", float(shift_s[i])) for i in heard]


def _needed_s(clips: Fingerprints, a: NDArray[np.int64], b: NDArray[np.int64]) -> NDArray[np.float64]:
    return np.minimum(MIN_SHARED_S, MIN_SHARED_SHARE * np.minimum(clips.duration_s[a], clips.duration_s[b]))


def _pair(clips: Fingerprints, a: int, b: int, by: Evidence, shift_s: float) -> Pair:
    turned = by == "mirrored picture"
    overlap_s = min(clips.duration_s[a], shift_s + clips.duration_s[b]) - max(0.0, shift_s)
    return Pair(
        a=a,
        b=b,
        by=by,
        shift_s=shift_s,
        overlap_s=float(overlap_s),
        movement=_error_at(clips.movement, a, b, shift_s, turned=turned),
        look=_error_at(clips.look, a, b, shift_s, turned=turned),
        sound=_error_at(clips.sound, a, b, shift_s),
        identity=float(clips.identity[a] @ clips.identity[b]),
    )


def clusters(n: int, pairs: Sequence[Pair]) -> NDArray[np.int64]:
    """Return (n,) the first clip of the cluster of each of n clips; pairs join, also through others."""
    ends = (np.array([pair.a for pair in pairs], int), np.array([pair.b for pair in pairs], int))
    joined = coo_array((np.ones(len(pairs), bool), ends), shape=(n, n))
    _, labels = connected_components(joined, directed=False)
    _, first = np.unique(labels, return_index=True)
    return first[labels].astype(np.int64)


def keep_one(
    clips: Fingerprints, pairs: Sequence[Pair], *, sharpness: NDArray[np.float64]
) -> dict[int, tuple[int, Pair]]:
    """Return {duplicate: (kept clip, what they share)}: the best of a cluster is kept, and what it covers is not.

    The longest clip is the best, then the sharpest, then the first. A member that no kept clip covers by half is kept
    too: two windows of a video that overlap a little are one cluster (one side of a split), but neither is redundant.
    """
    known = {(pair.a, pair.b): pair for pair in pairs}
    label = clusters(len(clips.duration_s), pairs)
    joined = np.unique([end for pair in known for end in pair]).astype(int)
    best_first = joined[np.lexsort((joined, -sharpness[joined], -clips.duration_s[joined], label[joined]))]
    duplicates: dict[int, tuple[int, Pair]] = {}
    for members in np.split(best_first, np.flatnonzero(np.diff(label[best_first])) + 1):
        left, kept_before = members, 0
        while len(left):
            kept, left = int(left[0]), left[1:]
            covered = _covered(clips, known, kept, left, compare_all=kept_before < STARS)
            duplicates |= {member: (kept, pair) for member, pair in covered.items()}
            left = left[~np.isin(left, list(covered))]
            kept_before += 1
    return duplicates


def _covered(
    clips: Fingerprints,
    known: dict[tuple[int, int], Pair],
    kept: int,
    members: NDArray[np.int64],
    *,
    compare_all: bool,
) -> dict[int, Pair]:
    """Return those members of which `kept` holds at least the share COVERED, and what they have in common."""
    low, high = np.minimum(members, kept), np.maximum(members, kept)
    is_known = np.array([ends in known for ends in zip(low, high, strict=True)], bool)
    pairs = [known[ends] for ends in zip(low[is_known], high[is_known], strict=True)]
    if compare_all:
        pairs += compare(clips, low[~is_known], high[~is_known])
    shared = {pair.a + pair.b - kept: pair for pair in pairs}
    return {member: pair for member, pair in shared.items() if pair.overlap_s >= COVERED * clips.duration_s[member]}


def _error_at(words: Words, a: int, b: int, shift_s: float, *, turned: bool = False) -> float | None:
    """Return the share of bits that differ when b begins `shift_s` after a; None without evidence."""
    shift = round(shift_s / words.step_s)
    first, second = words.row(a)[max(0, shift) :], words.row(b)[max(0, -shift) :]
    shared = min(len(first), len(second))
    first, second = first[:shared], mirrored(second[:shared]) if turned else second[:shared]
    evidence = (first != 0) & (second != 0)
    return float(np.bitwise_count(first ^ second)[evidence].mean()) / 32 if evidence.any() else None


def _mirrorless(words: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """Return words that are the same for a picture and its mirror image."""
    return np.where(words & np.uint32(LEFT_RIGHT_BIT), mirrored(words), words).astype(np.uint32)
