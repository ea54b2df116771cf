"""Draws of clusters and the intervals from them: whole clusters, every metric as on repeated clips, and how often the
intervals hold the truth."""

from collections.abc import Mapping

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from evaluate.detection.delong import delong_interval
from evaluate.detection.draws import METRICS, RESOLVES, Sample, cluster_weights, estimate
from evaluate.detection.findings import Number

AUC = {"auc": METRICS["auc"]}


def made(real: int, fake: int, clips: int, *, shift: float, alike: float, missed: float = 0.0, seed: int = 0) -> Sample:
    """Scores of `real` and `fake` people with `clips` each; `alike` is people's deviation where that of clips is 1.

    A fake person is `missed` with that probability, all clips far below the real ones. The threshold is half the shift.
    """
    random = np.random.default_rng(seed)
    person = np.repeat(np.arange(real + fake), clips)
    own = alike * random.normal(size=real + fake) - 12 * (random.random(real + fake) < missed) * _fakes(real, fake)
    scores = own[person] + random.normal(size=len(person)) + shift * (person >= real)
    return Sample(scores=scores, is_fake=person >= real, cluster=person.astype(str), called_fake=scores >= shift / 2)


def _fakes(real: int, fake: int) -> NDArray[np.bool_]:
    return np.arange(real + fake) >= real


def probabilities(sample: Sample) -> Sample:
    return Sample(**{**vars(sample), "scores": 1 / (1 + np.exp(-sample.scores))})


def ends(number: Number) -> tuple[float, float]:
    assert number.low is not None
    assert number.high is not None
    return number.low, number.high


def all_weights(cluster: NDArray[np.str_], kind: NDArray[np.generic], draws: int = 400) -> NDArray[np.float32]:
    return np.concatenate(list(cluster_weights(cluster, kind, draws=draws, seed=0)))


def test_draws_are_of_whole_clusters_within_their_mixture_of_kinds() -> None:
    kind = np.array(["real"] * 8 + ["fake"] * 8 + ["real", "fake"] * 4)
    cluster = np.array(
        [f"r{i // 2}" for i in range(8)] + [f"f{i // 2}" for i in range(8)] + [f"b{i // 2}" for i in range(8)]
    )
    weights = all_weights(cluster, kind)
    assert weights.shape == (400, 24)
    assert np.array_equal(weights[:, ::2], weights[:, 1::2])
    for rows in (slice(0, 8), slice(8, 16), slice(16, 24)):
        assert np.all(weights[:, rows].sum(axis=1) == 8)
    assert np.abs(weights.mean(axis=0) - 1).max() < 0.2
    assert weights.var(axis=0).mean() == pytest.approx(3 / 4, rel=0.1)


def test_a_mixture_of_few_clusters_varies_too_and_no_draw_lacks_a_kind() -> None:
    """One person is both real and fake; drawn alone, that person would be in every draw exactly once."""
    cluster, kind = np.array(["r0", "r1", "f0", "f1", "both", "both"]), np.array([0, 0, 1, 1, 0, 1])
    weights = all_weights(cluster, kind)
    assert np.array_equal(weights[:, 4], weights[:, 5])
    assert len(np.unique(weights[:, 4])) > 2
    assert weights[:, kind == 0].sum(axis=1).min() > 0
    assert weights[:, kind == 1].sum(axis=1).min() > 0


def test_a_metric_of_weights_is_that_of_clips_repeated_as_often() -> None:
    """All but the calibration error, whose bins are those of the unweighted clips."""
    sample = probabilities(made(6, 7, 5, shift=1.0, alike=1.0))
    weights = next(cluster_weights(sample.cluster, sample.is_fake, draws=3, seed=0))
    drawn = Sample(**{**vars(sample), "weights": weights})
    for name in METRICS.keys() - {"expected_calibration_error"}:
        for row, value in zip(weights, METRICS[name](drawn), strict=True):
            rows = np.repeat(np.arange(len(row)), row.astype(int))
            parts = {key: values[rows] for key, values in vars(sample).items() if isinstance(values, np.ndarray)}
            assert value == pytest.approx(float(METRICS[name](Sample(**parts))), rel=1e-5), name


def test_clustered_intervals_hold_the_truth_where_delongs_do_not() -> None:
    """20 people with 20 clips each: 95 % intervals, within 3 points; those that take clips as independent, 44 %."""
    truth = stats.norm.cdf(1.0 / 2)  # shift over the deviation of a difference of two clips, each of variance 2
    held, blind = [], []
    for seed in range(300):
        sample = made(10, 10, 20, shift=1.0, alike=1.0, seed=seed)
        low, high = ends(estimate(AUC, sample, draws=200, seed=seed)["auc"])
        held.append(low <= truth <= high)
        delong = delong_interval(sample.scores, sample.is_fake)
        blind.append(delong is not None and delong.low <= truth <= delong.high)
    assert 0.92 <= np.mean(held) <= 0.98
    assert np.mean(blind) < 0.6


@pytest.mark.parametrize(
    ("real", "fake", "clips", "shift", "missed"),
    [(15, 17, 1, 3.0, 0.0), (5, 5, 3, 2.0, 0.0), (10, 10, 2, 9.0, 0.15), (15, 17, 1, 9.0, 0.1)],
)
def test_intervals_of_few_people_near_the_ends_are_never_too_sure(
    real: int, fake: int, clips: int, shift: float, missed: float
) -> None:
    """AUC and rates at the threshold: in at least 95 % of 150 trials less two deviations of such a count (143 - 5),
    also where a kind of people is missed that many trials don't show."""
    at_threshold = stats.norm.cdf(shift / 2 / np.sqrt(2))
    truth = {
        "auc": (1 - missed) * stats.norm.cdf(shift / 2) + missed * stats.norm.cdf((shift - 12) / 2),
        "tpr_at_threshold": (1 - missed) * at_threshold + missed * stats.norm.cdf((shift / 2 - 12) / np.sqrt(2)),
        "fpr_at_threshold": 1 - at_threshold,
    }
    held = dict.fromkeys(truth, 0)
    for seed in range(150):
        sample = made(real, fake, clips, shift=shift, alike=1.0, missed=missed, seed=seed)
        numbers = estimate({name: METRICS[name] for name in truth}, sample, draws=200, seed=seed)
        for name, number in numbers.items():
            low, high = ends(number)
            held[name] += low <= truth[name] <= high
    assert min(held.values()) >= 138, held


def perfect(real: int, fake: int) -> dict[str, Number]:
    is_fake = _fakes(real, fake)
    scores = np.where(is_fake, 0.9, 0.1)
    names = np.arange(real + fake).astype(str)
    return estimate(METRICS, Sample(scores=scores, is_fake=is_fake, cluster=names, called_fake=is_fake), draws=200)


def test_being_right_on_all_of_few_clips_is_not_certainty() -> None:
    """AUC and rates reach as far as Clopper and Pearson's bound for as many people without an error, 2.5 % at one end;
    weighted precision, which one false alarm in fifteen brings under 0.2, nearly to 0."""
    numbers = perfect(15, 17)
    assert ends(numbers["auc"]) == pytest.approx((0.025 ** (1 / 15), 1.0))
    assert ends(numbers["tpr_at_threshold"]) == pytest.approx((0.025 ** (1 / 17), 1.0))
    assert ends(numbers["fpr_at_threshold"]) == pytest.approx((0.0, 1 - 0.025 ** (1 / 15)))
    assert ends(numbers["equal_error_rate"])[1] > 0.15
    assert ends(numbers["average_precision"])[0] < 0.85
    assert ends(numbers["weighted_precision"])[0] < 0.05
    assert numbers["brier"].value == pytest.approx(0.01)
    assert ends(numbers["brier"])[1] > 0.09
    assert ends(numbers["log_loss"])[1] > 0.15


def test_more_people_make_surer() -> None:
    few, more, many = (ends(perfect(n, n)["auc"])[0] for n in (5, 20, 200))
    assert few < 0.5 < more < 0.9 < many < 1


def test_a_constant_detector_is_chance_and_is_not_known_better_than_clips_allow() -> None:
    sample = Sample(scores=np.full(30, 0.5), is_fake=_fakes(15, 15), cluster=np.arange(30).astype(str))
    numbers = estimate(AUC | {"equal_error_rate": METRICS["equal_error_rate"]}, sample, draws=100)
    for number in numbers.values():
        low, high = ends(number)
        assert number.value == 0.5
        assert low == pytest.approx(stats.binomtest(15, 30).proportion_ci().low)
        assert high == pytest.approx(1 - low)


def test_a_rate_that_is_one_half_for_everybody_is_as_sure_as_its_own_clips() -> None:
    """Six people with two clips each, one of them caught: no spread, and 12 clips, however many real ones there are."""
    is_fake = np.arange(72) >= 60
    sample = Sample(
        scores=np.arange(72) % 2 * 1.0,
        is_fake=is_fake,
        cluster=(np.arange(72) // 2).astype(str),
        called_fake=np.arange(72) % 2 == 1,
    )
    number = estimate({"tpr_at_threshold": METRICS["tpr_at_threshold"]}, sample, draws=100)["tpr_at_threshold"]
    expected = stats.binomtest(6, 12).proportion_ci()
    assert ends(number) == pytest.approx((expected.low, expected.high))


def test_what_the_real_clips_cannot_resolve_has_no_value() -> None:
    """30, 300, 3,000 and 30,000 real clips for false-alarm rates of 10, 1, 0.1 and 0.01 %."""
    numbers = perfect(29, 29)
    assert all(numbers[name].value is None for name in RESOLVES)
    assert numbers["tpr_at_fpr_0.01"].absent == (
        "not resolvable: 29 real clips resolve no FPR under 0.103; 300 are needed"
    )
    resolved = {name for name in RESOLVES if perfect(30, 5)[name].value is not None}
    assert resolved == {"tpr_at_fpr_0.1", "partial_auc_0.1"}


def test_under_three_clusters_there_is_a_value_and_the_reason_for_no_interval() -> None:
    numbers = perfect(2, 17)
    assert numbers["auc"] == Number(value=1.0, absent="no interval: 2 clusters of real clips, 3 are needed")
    assert numbers["fpr_at_threshold"].absent == "no interval: 2 clusters of real clips, 3 are needed"
    assert ends(numbers["tpr_at_threshold"])[1] == 1.0
    assert perfect(17, 1)["auc"].absent == "no interval: 1 cluster of generated clips, 3 are needed"


def test_numbers_of_a_class_that_is_not_there_are_absent_and_those_of_the_other_are_not() -> None:
    for numbers, there, gone, word in (
        (perfect(0, 9), "tpr_at_threshold", "fpr_at_threshold", "real"),
        (perfect(9, 0), "fpr_at_threshold", "tpr_at_threshold", "generated"),
    ):
        ends(numbers[there])
        for name in ("auc", "average_precision", "equal_error_rate", "balanced_accuracy", *RESOLVES, gone):
            assert (numbers[name].value, numbers[name].absent) == (None, f"there are no {word} clips"), name


def test_without_a_threshold_the_numbers_at_it_are_absent_and_the_others_are_not() -> None:
    sample = made(6, 6, 2, shift=1.0, alike=1.0)
    numbers = estimate(METRICS, probabilities(Sample(**{**vars(sample), "called_fake": None})), draws=50)
    at_it = {name for name, number in numbers.items() if number.absent.startswith("no threshold")}
    assert at_it == {"balanced_accuracy", "weighted_precision", "tpr_at_threshold", "fpr_at_threshold"}
    assert numbers["auc"].low is not None


def test_no_clips_give_no_numbers() -> None:
    nobody = np.empty(0, bool)
    sample = Sample(scores=np.empty(0), is_fake=nobody, cluster=np.empty(0, str), called_fake=nobody)
    assert set(estimate(METRICS, sample).values()) == {Number(value=None, absent="there are no clips")}


def test_neither_order_nor_another_call_changes_a_number_and_the_level_does() -> None:
    sample = probabilities(made(8, 9, 3, shift=1.0, alike=1.0))
    numbers = estimate(METRICS, sample, draws=300)
    order = np.random.default_rng(0).permutation(len(sample.scores))
    parts = {name: values[order] for name, values in vars(sample).items() if isinstance(values, np.ndarray)}
    assert _rounded(estimate(METRICS, Sample(**parts), draws=300)) == _rounded(numbers)
    assert estimate(METRICS, sample, draws=300) == numbers
    assert estimate(AUC, sample, draws=300, seed=1)["auc"] != numbers["auc"]
    low, high = ends(estimate(AUC, sample, draws=300, level=0.8)["auc"])
    assert ends(numbers["auc"])[0] < low < high < ends(numbers["auc"])[1]


def _rounded(numbers: Mapping[str, Number]) -> dict[str, tuple[float | None, ...]]:
    """To the digits of single precision, in which weights are added up."""
    return {
        name: tuple(None if each is None else round(each, 5) for each in (number.value, number.low, number.high))
        for name, number in numbers.items()
    }
