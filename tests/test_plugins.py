"""Every plug-in of every kind: file name = function name, a docstring, types, and sense on a known clip."""

import inspect
import typing
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from curate import plugins, weights
from curate.analysis import analyse
from curate.clip_media import ClipMedia, clip_media
from curate.errors import ConfigError, WeightsError
from curate.faces.detections import Detections
from curate.scoring import score, score_names

KINDS = (
    "curate.scorers",
    "curate.faces",
    "evaluate.features",
    "evaluate.pairs",
    "evaluate.metrics",
    "evaluate.detectors",
    "evaluate.perturbations",
)
ALL = [(kind, name) for kind in KINDS for name in plugins.names(kind)]


@pytest.fixture(scope="module")
def known_clip(face_video: Path, face_weights: None) -> ClipMedia:
    found = analyse(face_video)
    return clip_media(face_video, found, found.tracks[0])


@pytest.mark.parametrize(("kind", "name"), ALL)
def test_a_plugin_is_a_documented_function_named_like_its_file(kind: str, name: str) -> None:
    plugin = plugins.load(kind, name)
    assert plugin.__name__ == name
    assert plugin.__doc__
    assert inspect.getmodule(plugin).__doc__  # type: ignore[union-attr]
    assert "return" in typing.get_type_hints(plugin)


@pytest.mark.parametrize("name", plugins.names("curate.scorers"))
def test_a_scorer_gives_the_numbers_it_names(name: str, known_clip: ClipMedia) -> None:
    _need_weights("curate.scorers", name)
    scores = score(known_clip, scorers=[name], keep={}).scores
    assert list(scores) == score_names(name)
    assert all(value is None or np.isfinite(value) for value in scores.values())
    assert score(known_clip, scorers=[name], keep={}).scores == scores


@pytest.mark.parametrize("name", plugins.names("curate.faces"))
def test_a_detector_finds_the_one_face(name: str, portrait: NDArray[np.uint8], face_weights: None) -> None:
    _need_weights("curate.faces", name)
    found: Detections = plugins.load("curate.faces", name)(portrait)
    assert len(found) == 1
    assert found.boxes.shape == (1, 4)
    assert found.keypoints.shape == (1, 6, 2)
    assert 0 < found.scores[0] <= 1
    centre = (found.boxes[0, :2] + found.boxes[0, 2:]) / 2
    assert np.linalg.norm(centre - (222, 115)) < 25
    assert len(plugins.load("curate.faces", name)(np.zeros((64, 64, 3), np.uint8))) == 0


def _need_weights(kind: str, name: str) -> None:
    try:
        for needed in plugins.weights_of(kind, [name]):
            weights.path(needed)
    except WeightsError as error:
        pytest.skip(str(error))


def test_an_unknown_name_suggests_the_nearest() -> None:
    with pytest.raises(ConfigError, match="did you mean 'sharpness'"):
        plugins.load("curate.scorers", "sharpnes")
