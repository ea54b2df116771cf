"""The endless order: every slot once an epoch, any place at once, domains in their shares."""

from collections import Counter
from fractions import Fraction
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.errors import EmoforgeError
from train.window_order import Pool, Slot, WindowOrder, pools_of, share, shuffled

slot_counts = st.lists(st.integers(1, 9), min_size=1, max_size=12)


def order_of(slots: list[int], *, seed: int = 0) -> WindowOrder:
    return WindowOrder(np.asarray(slots), [Pool(name="", weight=1.0, clips=np.arange(len(slots)))], seed=seed)


def all_slots(slots: list[int]) -> set[Slot]:
    return {Slot(clip=clip, number=number) for clip, count in enumerate(slots) for number in range(count)}


@given(n=st.integers(1, 700), key=st.binary(min_size=1, max_size=16))
def test_shuffled_is_a_permutation(n: int, key: bytes) -> None:
    assert sorted(shuffled(place, n, key=key) for place in range(n)) == list(range(n))


def test_over_the_keys_all_permutations_are_about_equally_frequent() -> None:
    keys = 12_000
    found = Counter(tuple(shuffled(i, 4, key=key.to_bytes(4, "big")) for i in range(4)) for key in range(keys))
    assert set(found) == set(permutations(range(4)))
    expected = keys / 24
    assert sum((count - expected) ** 2 / expected for count in found.values()) < 49.7  # chi squared, 23 df, p = 0.001


@given(slots=slot_counts, seed=st.integers(0, 2**32), first_epoch=st.integers(0, 10**9))
def test_an_epoch_takes_every_slot_once(slots: list[int], seed: int, first_epoch: int) -> None:
    order, total = order_of(slots, seed=seed), sum(slots)
    for epoch in (first_epoch, first_epoch + 1):
        found = [order.at(epoch * total + place) for place in range(total)]
        assert len(found) == total
        assert set(found) == all_slots(slots)


def test_epochs_and_seeds_have_orders_of_their_own() -> None:
    slots = [4] * 10
    orders = [
        tuple(order_of(slots, seed=seed).at(epoch * 40 + i) for i in range(40)) for seed in (0, 1) for epoch in (0, 1)
    ]
    assert len(set(orders)) == 4


def test_neighbours_in_the_order_are_seldom_of_one_clip() -> None:
    """As often as chance has it: 1 in 50."""
    order = order_of([20] * 50)
    clips = np.array([order.at(place).clip for place in range(1000)])
    assert (clips[1:] == clips[:-1]).mean() < 0.05


def test_the_place_of_a_corpus_of_a_hundred_million_windows_is_found() -> None:
    order = order_of([10] * 1_000_000)
    places = [*range(3), 10**7 - 1, 10**7, 10**12]
    assert len({order.at(place) for place in places}) == len(places)


def test_another_attempt_is_another_slot_of_the_same_pool() -> None:
    pools = [Pool(name="a", weight=1, clips=np.arange(0, 500)), Pool(name="b", weight=1, clips=np.arange(500, 1000))]
    order = WindowOrder(np.full(1000, 3), pools, seed=0)
    for place in range(50):
        found = [order.at(place, attempt=attempt) for attempt in range(4)]
        assert len(set(found)) == 4
        assert len({slot.clip < 500 for slot in found}) == 1


@settings(deadline=None)
@given(weights=st.lists(st.integers(1, 20), min_size=1, max_size=5), places=st.integers(1, 300))
def test_each_weight_has_its_share_of_the_places_and_counts_its_own(weights: list[int], places: int) -> None:
    counts = [0] * len(weights)
    for place in range(places):
        which, before = share(place, [Fraction(weight) for weight in weights])
        assert before == counts[which]
        counts[which] += 1
    for weight, count in zip(weights, counts, strict=True):
        assert abs(count - places * weight / sum(weights)) <= len(weights)


def test_domains_are_mixed_by_weight_each_in_epochs_of_its_own() -> None:
    slots, names = [3, 2, 4, 1, 5], ["speech", "singing", "speech", "singing", "speech"]
    order = WindowOrder(np.asarray(slots), pools_of(names, {"speech": 3, "singing": 1}), seed=5)
    found = [order.at(place) for place in range(48)]
    speech = [slot for slot in found if names[slot.clip] == "speech"]
    singing = [slot for slot in found if names[slot.clip] == "singing"]
    assert (len(speech), len(singing)) == (36, 12)
    assert len(set(speech[:12])) == len(set(speech[12:24])) == 12
    assert len(set(singing[:3])) == len(set(singing[3:6])) == 3


@pytest.mark.parametrize(
    ("mix", "words"),
    [
        ({"speech": 1, "opera": 2}, r"opera, but no clip.*singing \(1 clips\), speech \(2 clips\)"),
        ({"speech": 0}, "above 0"),
        ({"speech": 1, "singing": -1}, "from 0 up"),
        ({"speech": float("nan")}, "from 0 up"),
        ({}, "above 0"),
    ],
)
def test_a_mix_that_cannot_be_is_refused(mix: dict[str, float], words: str) -> None:
    with pytest.raises(EmoforgeError, match=words):
        pools_of(["speech", "singing", "speech"], mix)


def test_a_domain_without_weight_is_left_out() -> None:
    (pool,) = pools_of(["speech", "singing"], {"speech": 0.5, "singing": 0, "opera": 0})
    assert pool.clips.tolist() == [0]
