"""Folds and frozen thresholds: whole clusters, balance, no dependence on order, and no clip that chooses its own."""

import numpy as np
import pytest

from evaluate.detection.folds import assign_folds, frozen_thresholds, frozen_thresholds_at_fpr


def corpus(people: int = 30, clips: int = 3) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Clusters, classes and sets: real clips and two generators' of people of their own, the last person in all."""
    sets = np.repeat(["real", "EMO", "VASA"], people * clips)
    person = np.tile(np.repeat(np.arange(people), clips), 3)
    cluster = np.where(person == people - 1, "in all", np.char.add(sets, person.astype(str)))
    return cluster, sets != "real", sets


def test_no_cluster_is_in_two_folds_and_every_fold_has_its_share_of_every_set() -> None:
    cluster, is_fake, sets = corpus()
    fold = assign_folds(cluster, is_fake, sets, folds=5)
    assert all(len(np.unique(fold[cluster == name])) == 1 for name in np.unique(cluster))
    for name in np.unique(sets):
        assert np.bincount(fold[sets == name], minlength=5).tolist() == [18] * 5


def test_clusters_of_unlike_sizes_are_spread_too() -> None:
    random = np.random.default_rng(0)
    cluster = np.repeat(np.arange(40).astype(str), random.integers(1, 12, 40))
    is_fake = cluster.astype(int) >= 20
    fold = assign_folds(cluster, is_fake, np.where(is_fake, "EMO", "real"), folds=4)
    for side in (is_fake, ~is_fake):
        assert np.ptp(np.bincount(fold[side], minlength=4)) <= 0.1 * side.sum()


def test_the_order_of_clips_changes_no_fold_and_the_seed_does() -> None:
    cluster, is_fake, sets = corpus()
    fold = assign_folds(cluster, is_fake, sets, folds=5)
    order = np.random.default_rng(0).permutation(len(fold))
    assert np.array_equal(assign_folds(cluster[order], is_fake[order], sets[order], folds=5), fold[order])
    assert not np.array_equal(assign_folds(cluster, is_fake, sets, folds=5, seed=1), fold)


@pytest.mark.parametrize(("real_people", "folds"), [(7, 5), (3, 3), (2, 2), (1, 1), (0, 1)])
def test_there_are_as_many_folds_as_the_rarer_class_has_clusters_to_leave_out(real_people: int, folds: int) -> None:
    is_fake = np.array([False] * 2 * real_people + [True] * 20)
    cluster = np.array([f"real {i // 2}" for i in range(2 * real_people)] + [f"fake {i // 2}" for i in range(20)])
    fold = assign_folds(cluster, is_fake, np.where(is_fake, "EMO", "real"), folds=5)
    assert set(fold.tolist()) == set(range(folds))
    if folds > 1:
        assert all(len(np.unique(is_fake[fold != k])) == 2 for k in range(folds))


def test_a_threshold_is_chosen_without_the_fold_it_is_for() -> None:
    """Fold 1 is scored upside down: its own best threshold would call it right, the frozen one calls it wrong."""
    scores = np.array([0.1, 0.2, 0.8, 0.9, 0.85, 0.95, 0.05, 0.15])
    is_fake = np.array([False, False, True, True] * 2)
    fold = np.repeat([0, 1], 4)
    before = frozen_thresholds(scores, is_fake, fold)
    assert 0.2 < before[4] <= 0.8
    assert not np.any((scores >= before)[4:] == is_fake[4:])
    scores[4:] = [0.3, 0.4, 0.6, 0.7]
    after = frozen_thresholds(scores, is_fake, fold)
    assert np.array_equal(after[4:], before[4:])
    assert not np.array_equal(after[:4], before[:4])


def test_a_threshold_at_a_false_alarm_rate_keeps_to_it_on_the_other_folds() -> None:
    random = np.random.default_rng(0)
    is_fake, fold = np.arange(400) % 2 == 1, np.arange(400) // 80
    scores = random.random(400)
    threshold = frozen_thresholds_at_fpr(scores, is_fake, fold, 0.1)
    for k in range(5):
        others = (fold != k) & ~is_fake
        assert 0.08 < np.mean(scores[others] >= threshold[fold == k][0]) <= 0.1


def test_there_is_no_threshold_where_the_other_folds_lack_a_class() -> None:
    threshold = frozen_thresholds(np.array([0.1, 0.2, 0.9]), np.array([False, False, True]), np.array([0, 1, 0]))
    assert np.isnan(threshold).tolist() == [True, False, True]
