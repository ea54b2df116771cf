"""Small classifiers: what is separable is separated, classes weigh the same, and few examples are refused."""

import pickle
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import pytest
from numpy.typing import NDArray

from evaluate.detection.classifiers import fit_boosted_trees, fit_logistic
from evaluate.detection.detector import Abstention, Model, Values

Fit = Callable[[Sequence[Values], NDArray[np.bool_]], Model]
FITS: dict[str, Fit] = {"logistic": partial(fit_logistic, c=1.0), "trees": partial(fit_boosted_trees, seed=3)}


def examples(n_real: int, n_fake: int, *, apart: float = 4.0) -> tuple[list[Values], NDArray[np.bool_]]:
    """Vectors whose second number alone tells the classes, by `apart` standard deviations."""
    random = np.random.default_rng(0)
    is_fake = np.arange(n_real + n_fake) >= n_real
    values = random.normal(size=(len(is_fake), 3)) + np.array([0, apart / 2, 0]) * np.where(is_fake, 1, -1)[:, None]
    return list((values * np.array([1e3, 1e-3, 1.0])).astype(np.float32)), is_fake


@pytest.mark.parametrize("fit", FITS.values(), ids=FITS)
def test_separable_classes_are_told_apart_whatever_the_scale(fit: Fit) -> None:
    observations, is_fake = examples(20, 20)
    model = fit(observations[::2], is_fake[::2])
    answers = np.array([model(values) for values in observations[1::2]])
    assert (answers >= 0).all()
    assert (answers <= 1).all()
    assert answers[is_fake[1::2]].min() > answers[~is_fake[1::2]].max()


@pytest.mark.parametrize("fit", FITS.values(), ids=FITS)
def test_ten_fakes_to_a_real_do_not_make_a_video_that_tells_nothing_fake(fit: Fit) -> None:
    is_fake = np.arange(110) >= 10
    answer = fit([np.zeros(3, np.float32)] * 110, is_fake)(np.zeros(3, np.float32))
    assert answer == pytest.approx(0.5, abs=0.01)


@pytest.mark.parametrize("fit", FITS.values(), ids=FITS)
def test_a_fit_is_repeatable_and_survives_pickling(fit: Fit) -> None:
    observations, is_fake = examples(15, 10, apart=1.0)
    model, again = fit(observations, is_fake), fit(observations, is_fake)
    thawed: Model = pickle.loads(pickle.dumps(model))  # noqa: S301 - our own
    for values in observations:
        assert model(values) == again(values) == thawed(values)


@pytest.mark.parametrize("fit", FITS.values(), ids=FITS)
def test_two_of_a_class_are_too_few(fit: Fit) -> None:
    for n_real, n_fake in ((2, 9), (9, 2), (0, 0)):
        with pytest.raises(Abstention, match=rf"few_examples: {n_real} real and {n_fake} synthetic"):
            fit(*examples(n_real, n_fake))
    fit(*examples(3, 3))
