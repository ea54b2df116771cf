"""Ensemble: good answers outweigh noise, and what abstains neither counts nor breaks it."""

import pickle

import numpy as np
import pytest

from evaluate.detection.detector import Abstention, Values, predict
from evaluate.detectors.ensemble import ensemble, fit

IS_FAKE = np.arange(40) % 2 == 1
NAN = np.nan


def answers(*, seed: int = 0) -> Values:
    """(40, 3): one detector that is mostly right, one that knows nothing, one that is mostly wrong."""
    random = np.random.default_rng(seed)
    right = np.where(IS_FAKE, 0.7, 0.3) + random.normal(0, 0.1, len(IS_FAKE))
    noise = random.uniform(0, 1, len(IS_FAKE))
    wrong = np.where(IS_FAKE, 0.4, 0.6) + random.normal(0, 0.1, len(IS_FAKE))
    return np.stack([right, noise, wrong], axis=1).clip(0, 1).astype(np.float32)


def vector(*values: float) -> Values:
    return np.array(values, np.float32)


def test_it_follows_the_detector_that_was_right_and_turns_round_the_one_that_was_wrong() -> None:
    model = fit(list(answers()), IS_FAKE, 0)
    assert model(vector(0.8, 0.5, 0.5)) > 0.6 > 0.4 > model(vector(0.2, 0.5, 0.5))
    assert model(vector(0.5, 0.5, 0.1)) > model(vector(0.5, 0.5, 0.9))
    spread = abs(model(vector(0.5, 0.9, 0.5)) - model(vector(0.5, 0.1, 0.5)))
    assert spread < 0.5 * abs(model(vector(0.9, 0.5, 0.5)) - model(vector(0.1, 0.5, 0.5)))


def test_an_abstention_counts_as_the_detector_s_mean_log_odds() -> None:
    seen = answers()
    model = fit(list(seen), IS_FAKE, 0)
    log_odds = np.log(seen[:, 1].clip(0.01, 0.99) / (1 - seen[:, 1].clip(0.01, 0.99)))
    mean = 1 / (1 + np.exp(-log_odds.mean(dtype=np.float64)))
    assert model(vector(0.8, NAN, 0.5)) == pytest.approx(model(vector(0.8, float(mean), 0.5)), abs=1e-5)


def test_a_detector_that_never_answers_is_as_if_it_were_not_there() -> None:
    seen = answers()
    seen[:, 1] = NAN
    model, without = fit(list(seen), IS_FAKE, 0), fit(list(seen[:, [0, 2]]), IS_FAKE, 0)
    for asked in (vector(0.8, NAN, 0.3), vector(0.8, 0.99, 0.3)):
        assert model(asked) == without(asked[[0, 2]])
    with pytest.raises(Abstention, match=r"^no_answers: "):
        predict(model, vector(NAN, 0.9, NAN))  # one that it knows nothing of is no answer


def test_a_clip_without_any_answer_is_left_out_and_gets_none() -> None:
    seen = answers()
    seen[:3] = NAN
    model, without = fit(list(seen), IS_FAKE, 0), fit(list(seen[3:]), IS_FAKE[3:], 0)
    assert ensemble(vector(0.9, 0.5, 0.4), model=model) == ensemble(vector(0.9, 0.5, 0.4), model=without)
    with pytest.raises(Abstention, match=r"^no_answers: "):
        predict(model, vector(NAN, NAN, NAN))


def test_too_few_answered_clips_are_not_learnt_from() -> None:
    seen = answers()
    with pytest.raises(Abstention, match=r"^no_answers: "):
        fit(list(np.full_like(seen, NAN)), IS_FAKE, 0)
    seen[6:] = NAN
    fit(list(seen), IS_FAKE, 0)
    seen[5] = NAN
    with pytest.raises(Abstention, match=r"^few_examples: 3 real and 2 synthetic"):
        fit(list(seen), IS_FAKE, 0)


def test_the_surest_answers_stay_finite() -> None:
    sure = np.repeat(np.where(IS_FAKE, 1, 0).astype(np.float32)[:, None], 2, axis=1)
    model = fit(list(sure), IS_FAKE, 0)
    assert 0 <= predict(model, vector(0, 0)) < 0.25
    assert 0.75 < predict(model, vector(1, 1)) <= 1
    assert predict(model, vector(1, 1)) == predict(model, vector(0.99, 0.999))


def test_a_fitted_one_can_be_sent_to_a_worker_and_the_seed_is_no_matter() -> None:
    asked = vector(0.6, 0.4, NAN)
    model, again = fit(list(answers()), IS_FAKE, 0), fit(list(answers()), IS_FAKE, 99)
    assert pickle.loads(pickle.dumps(model))(asked) == model(asked) == again(asked)  # noqa: S301 - our own
