"""Classifiers in the Hugging Face format: small random ones are saved, read back and asked; bad folders are refused."""

import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from curate.errors import ConfigError, WeightsError
from evaluate.detection.detector import run_detector
from evaluate.detection.hf_classifier import fake_index, load_classifier, load_hf_classifier, probability_of
from evaluate.observation import Observation

transformers: Any = pytest.importorskip("transformers")

FACES = np.random.default_rng(0).integers(0, 256, (3, 64, 64, 3), dtype=np.uint8)
LABELS = {0: "Fake", 1: "Real"}


def image_network() -> Any:
    torch.manual_seed(0)
    config = transformers.ResNetConfig(
        embedding_size=8, hidden_sizes=[8, 16], depths=[1, 1], layer_type="basic", id2label=LABELS
    )
    return transformers.ResNetForImageClassification(config).eval()


def save(folder: Path, network: Any, preparation: Any) -> Path:
    network.save_pretrained(folder)
    preparation.save_pretrained(folder)
    load_classifier.cache_clear()
    return folder


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """A residual network that sees pictures of 32 px."""
    preparation = transformers.ViTImageProcessor(
        size={"height": 32, "width": 32}, image_mean=[0.4, 0.5, 0.6], image_std=[0.2, 0.3, 0.4]
    )
    return save(tmp_path / "images", image_network(), preparation)


@pytest.fixture
def videos(tmp_path: Path) -> Path:
    """A transformer that sees 8 frames of 32 px."""
    torch.manual_seed(1)
    config = transformers.VideoMAEConfig(
        image_size=32,
        patch_size=16,
        num_frames=8,
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        id2label={0: "real", 1: "deepfake"},
    )
    preparation = transformers.VideoMAEImageProcessor(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32})
    return save(tmp_path / "videos", transformers.VideoMAEForVideoClassification(config).eval(), preparation)


def test_pictures_are_prepared_and_their_probabilities_averaged(images: Path) -> None:
    """The preparation once more with torch alone: faces of the wanted size need no resampling."""
    faces: NDArray[np.uint8] = FACES[:, :32, :32]
    mean, deviation = torch.tensor([0.4, 0.5, 0.6]), torch.tensor([0.2, 0.3, 0.4])
    x = ((torch.from_numpy(faces) / 255 - mean) / deviation).permute(0, 3, 1, 2).float()
    with torch.inference_mode():
        expected = image_network()(x).logits.softmax(dim=1)[:, 0]
    assert probability_of(load_classifier(str(images)), 0, faces) == pytest.approx(float(expected.mean()), abs=1e-5)
    assert float(expected.std()) > 0


def test_a_video_is_seen_at_once_with_as_many_frames_as_the_network_wants(videos: Path) -> None:
    classifier = load_classifier(str(videos))
    assert classifier.n_frames == 8
    answer = probability_of(classifier, 1, FACES)
    spread = FACES[[0, 0, 1, 1, 1, 1, 2, 2]]
    assert probability_of(classifier, 1, spread) == answer
    assert probability_of(classifier, 0, FACES) == pytest.approx(1 - answer)
    assert probability_of(classifier, 1, spread[::-1].copy()) != answer


@pytest.mark.parametrize(("kind", "label"), [("images", "Fake"), ("videos", "deepfake")])
def test_a_detector_answers_for_a_face_also_in_a_worker(
    kind: str, label: str, face_video: Path, face_weights: None, request: pytest.FixtureRequest
) -> None:
    folder: Path = request.getfixturevalue(kind)
    detector = load_hf_classifier("mine", str(folder))
    assert detector.reads == ("picture",)
    assert f"label {label!r} (sha256 " in detector.origin
    observation = Observation(media=face_video, max_frames=4)
    answer = run_detector(detector, observation)
    assert isinstance(answer, float)
    load_classifier.cache_clear()
    assert run_detector(pickle.loads(pickle.dumps(detector)), observation) == answer  # noqa: S301 - our own
    other = load_hf_classifier("mine", f"{folder}#{'Real' if kind == 'images' else 'real'}")
    assert run_detector(other, observation) == pytest.approx(1 - answer)


@pytest.mark.parametrize(
    ("labels", "wanted", "index"),
    [
        ({0: "Fake", 1: "Real"}, "", 0),
        ({0: "realism", 1: "Deepfake"}, "", 1),
        ({0: "REAL", 1: "LABEL_1"}, "", 1),
        ({0: "nonFake", 1: "Fake"}, "", 1),
        ({0: "human", 1: "AI-generated"}, "", 1),
        ({0: "a", 1: "b", 2: "c"}, "b", 1),
        ({0: "LABEL_0", 1: "LABEL_1"}, "1", 1),
    ],
)
def test_the_label_that_says_fake_is_found(labels: dict[int, str], wanted: str, index: int) -> None:
    assert fake_index(labels, wanted, detector="mine") == index


@pytest.mark.parametrize(
    ("labels", "wanted"),
    [
        ({0: "LABEL_0", 1: "LABEL_1"}, ""),
        ({0: "cat", 1: "dog"}, ""),
        ({0: "fake", 1: "deepfake", 2: "real"}, ""),
        ({0: "not fake", 1: "no fake"}, ""),
        ({0: "real", 1: "fake"}, "Fake"),
        ({0: "real", 1: "fake"}, "2"),
        ({0: "same", 1: "same"}, "same"),
        ({0: "fake"}, ""),
        ({}, ""),
    ],
)
def test_an_unclear_label_is_asked_for(labels: dict[int, str], wanted: str) -> None:
    with pytest.raises(ConfigError, match="mine"):
        fake_index(labels, wanted, detector="mine")


class Bomb:
    def __init__(self, place: Path) -> None:
        self.place = place

    def __reduce__(self) -> tuple[Any, tuple[Path, ...]]:
        return Path.touch, (self.place,)


def test_pickled_weights_are_never_read(images: Path, tmp_path: Path) -> None:
    (images / "model.safetensors").unlink()
    torch.save({"classifier.1.weight": Bomb(tmp_path / "owned")}, images / "pytorch_model.bin")
    with pytest.raises(WeightsError, match="pickled weights are refused"):
        load_classifier(str(images))
    assert not (tmp_path / "owned").exists()


def test_code_in_a_folder_is_never_run(images: Path, tmp_path: Path) -> None:
    owned = tmp_path / "owned"
    (images / "mine.py").write_text(f"open({str(owned)!r}, 'w')\nclass Mine: pass\n")
    held = json.loads((images / "config.json").read_text())
    held |= {
        "model_type": "mine",
        "auto_map": {"AutoConfig": "mine.Mine", "AutoModelForImageClassification": "mine.Mine"},
    }
    (images / "config.json").write_text(json.dumps(held))
    with pytest.raises(WeightsError, match="code and pickled weights are refused"):
        load_classifier(str(images))
    assert not owned.exists()


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("model.safetensors", b"\xff" * 64),
        ("model.safetensors", b""),
        ("config.json", b"{"),
        ("config.json", b"[]"),
        ("config.json", b'{"model_type": "bert", "architectures": 3}'),
        ("preprocessor_config.json", None),
        ("preprocessor_config.json", b"\xff"),
    ],
)
def test_a_broken_folder_is_refused(images: Path, file: str, content: bytes | None) -> None:
    if content is None:
        (images / file).unlink()
    else:
        (images / file).write_bytes(content)
    with pytest.raises(WeightsError, match="images"):
        load_classifier(str(images))


def test_weights_of_another_network_are_refused(images: Path) -> None:
    from safetensors.torch import load_file, save_file

    tensors = load_file(images / "model.safetensors")
    for changed in (
        {key: value for key, value in tensors.items() if not key.startswith("classifier")},
        tensors | {"more": torch.zeros(1)},
        tensors | {"classifier.1.bias": torch.zeros(7)},
    ):
        save_file(changed, images / "model.safetensors", metadata={"format": "pt"})
        load_classifier.cache_clear()
        with pytest.raises(WeightsError, match="images"):
            load_classifier(str(images))


@pytest.mark.parametrize("place", ["nobody/no-such-model-4711", "no_such_folder/", "", "../..", "a b#c"])
def test_a_model_that_is_not_here_is_not_fetched(place: str) -> None:
    with pytest.raises(WeightsError, match="local cache"):
        load_hf_classifier("mine", place)
