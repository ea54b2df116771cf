"""The small network: it learns what tells two kinds of pictures apart, and the same seed gives the same answers."""

import pickle
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch

from evaluate.detection.detector import Abstention, Model, Values, predict
from evaluate.detectors import cnn as cnn_file
from evaluate.detectors.cnn import N_PICTURES, SIZE_PX, cnn, fit, observe
from evaluate.observation import Observation

pytest.importorskip("transformers")

IS_FAKE = np.arange(12) % 2 == 1


def clip(seed: int, *, fake: bool, brightness: float = 1.0) -> Values:
    """Smooth pictures of random colours and light; fake ones carry a checkerboard, as bad upsampling leaves."""
    random = np.random.default_rng(seed)
    coarse = random.uniform(60, 190, (N_PICTURES, 6, 6, 3))
    pictures = coarse.repeat(SIZE_PX // 6, axis=1).repeat(SIZE_PX // 6, axis=2)
    rows, columns = np.indices((SIZE_PX, SIZE_PX))
    if fake:
        pictures = pictures + 20 * np.where((rows // 2 + columns // 2) % 2, 1, -1)[..., None]
    return (brightness * (pictures + random.normal(0, 3, pictures.shape))).clip(0, 255).astype(np.float32)


def clips() -> list[Values]:
    return [clip(index, fake=bool(fake)) for index, fake in enumerate(IS_FAKE)]


@cache
def fitted() -> Model:
    return fit(clips(), IS_FAKE, 0)


def test_two_kinds_of_pictures_are_told_apart_on_clips_not_seen_before() -> None:
    model = fitted()
    real = [predict(model, clip(seed, fake=False)) for seed in range(100, 106)]
    fake = [predict(model, clip(seed, fake=True)) for seed in range(106, 112)]
    assert max(real) < 0.4 < 0.6 < min(fake)


def test_how_bright_a_picture_is_hardly_counts() -> None:
    model = fitted()
    for fake in (False, True):
        answers = [predict(model, clip(200, fake=fake, brightness=level)) for level in (0.5, 1.0)]
        assert answers[0] == pytest.approx(answers[1], abs=0.1)


def test_the_same_seed_gives_the_same_model_whatever_was_drawn_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cnn_file, "STEPS", 12)
    asked, answers = clip(300, fake=True), []
    for seed, drawn in ((0, 1), (0, 2), (5, 2)):
        torch.manual_seed(drawn)
        before = torch.get_rng_state()
        answers.append(fit(clips(), IS_FAKE, seed)(asked))
        assert torch.equal(torch.get_rng_state(), before)
    assert answers[0] == answers[1] != answers[2]


def test_a_fitted_one_can_be_sent_to_a_worker() -> None:
    asked = clip(301, fake=False)
    assert pickle.loads(pickle.dumps(fitted()))(asked) == fitted()(asked)  # noqa: S301 - our own


def test_too_few_clips_are_not_learnt_from() -> None:
    with pytest.raises(Abstention, match=r"^few_examples: 3 real and 2 synthetic"):
        fit(clips()[:5], np.arange(5) >= 3, 0)


def test_a_video_gives_four_pictures_that_the_model_is_asked_with(face_video: Path, face_weights: None) -> None:
    asked: list[Values] = []

    def remember(values: Values) -> float:
        asked.append(values)
        return 0.25

    for frames in (1, 8):
        observation = Observation(media=face_video, max_frames=frames)
        values = observe(observation)
        assert values.shape == (N_PICTURES, SIZE_PX, SIZE_PX, 3)
        assert values.dtype == np.float32
        assert 60 < values.mean() < 190
        assert cnn(observation, model=remember) == 0.25
        assert np.array_equal(asked.pop(), values)
