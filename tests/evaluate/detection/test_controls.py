"""Controls have a known answer: labels that mean nothing leave an AUC of 0.5."""

import numpy as np
import pytest

from evaluate.detection.controls import PERMUTED, REAL_HALVES, control, permuted_labels, real_halves

CLUSTER = np.array(["a", "a", "b", "c", "c", "c", "d", "e", "e", "e"])
IS_FAKE = np.array([1, 1, 0, 0, 0, 0, 1, 1, 0, 0], bool)  # "e" has both


def test_permuted_labels_keep_clusters_whole_and_mixed_ones_as_mixed() -> None:
    for seed in range(20):
        labels = permuted_labels(CLUSTER, IS_FAKE, seed=seed)
        pure = [labels[name == CLUSTER] for name in "abcd"]
        assert all(len(set(each.tolist())) == 1 for each in pure)
        assert sum(bool(each[0]) for each in pure) == 2
        assert labels[CLUSTER == "e"].sum() == 1


def test_permuted_labels_follow_the_seed_alone_and_do_change() -> None:
    made = [permuted_labels(CLUSTER, IS_FAKE, seed=seed).tolist() for seed in range(20)]
    assert made == [permuted_labels(CLUSTER, IS_FAKE, seed=seed).tolist() for seed in range(20)]
    assert len({tuple(labels) for labels in made}) > 5


def test_halves_split_no_cluster_and_are_nearly_as_large() -> None:
    cluster = np.repeat([f"c{i}" for i in range(20)], np.arange(20) % 3 + 1)
    for seed in range(10):
        is_second = real_halves(cluster, seed=seed)
        assert all(len(set(is_second[cluster == name].tolist())) == 1 for name in set(cluster))
        assert abs(2 * int(is_second.sum()) - len(cluster)) <= 3


def test_a_detector_that_is_right_on_all_has_half_on_permuted_labels_and_one_on_true_ones() -> None:
    cluster = np.array([f"c{i}" for i in range(200)])
    is_fake = np.arange(200) % 2 == 1
    scores = np.where(is_fake, 0.9, 0.1)
    aucs = [_auc(scores, permuted_labels(cluster, is_fake, seed=seed), cluster) for seed in range(20)]
    assert np.mean(aucs) == pytest.approx(0.5, abs=0.04)  # each has a standard deviation of 0.035
    assert _auc(scores, is_fake, cluster) == 1.0


def test_clips_without_an_answer_are_left_out() -> None:
    labels = np.array([0, 0, 0, 0, 1, 1, 1, 1], bool)
    scores = np.array([0.1, 0.2, 0.3, np.nan, 0.25, 0.4, 0.5, np.nan])
    found = control(REAL_HALVES, "made", scores, labels, np.array(list("abcdefgh")), draws=50, seed=0)
    assert found.auc.value == pytest.approx(8 / 9)
    assert found.kind == "real against real"


def _auc(scores: np.ndarray, labels: np.ndarray, cluster: np.ndarray) -> float:
    value = control(PERMUTED, "made", scores, labels, cluster, draws=20, seed=0).auc.value
    assert value is not None
    return value
