"""DINOv2 and VideoMAE from folders on disk, with tiny random networks in place of the published ones."""

import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from curate import weights
from curate.errors import MediaError, WeightsError
from curate.media_writing import write_video
from curate.weights import Weights
from evaluate.features import dinov2, videomae
from evaluate.networks.pretrained_folder import load_pretrained, normalised
from evaluate.observation import Observation

transformers: Any = pytest.importorskip("transformers", reason="needs the extra emoforge[features]")

Frames = Callable[..., list[NDArray[np.uint8]]]
TINY = {"hidden_size": 24, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """Both networks, saved where the features look for them; gives the networks themselves."""
    torch.manual_seed(0)
    networks = {
        "dinov2_large": transformers.Dinov2Model(transformers.Dinov2Config(**TINY, patch_size=14, image_size=56)),
        "videomae_base_ssv2": transformers.VideoMAEForVideoClassification(
            transformers.VideoMAEConfig(**TINY, image_size=224, patch_size=56, num_frames=16, use_mean_pooling=True)
        ),
    }
    for name, network in networks.items():
        network.save_pretrained(tmp_path / name)
        monkeypatch.setitem(weights.WEIGHTS, name, row(name, tmp_path / name / "model.safetensors"))
    folders, cache = weights.folders()
    monkeypatch.setattr(weights, "_places", weights._Places(folders=(tmp_path, *folders), cache=cache))
    forget()
    yield {name: network.eval() for name, network in networks.items()}
    forget()


def row(name: str, file: Path) -> Weights:
    content = file.read_bytes()
    return Weights(
        name=name,
        purpose="test",
        licence="none",
        commercial_use=False,
        file=f"{file.parent.name}/{file.name}",
        sha256=hashlib.sha256(content).hexdigest(),
        size_bytes=len(content),
        sources=(),
    )


def forget() -> None:
    dinov2._network.cache_clear()
    videomae._network.cache_clear()


@pytest.fixture
def observation(tmp_path: Path, moving_picture: Frames) -> Observation:
    write_video(tmp_path / "clip.mp4", moving_picture(35))
    return Observation(media=tmp_path / "clip.mp4", max_frames=3)


def test_dinov2_gives_the_class_token_of_each_chosen_frame(folders: dict[str, Any], observation: Observation) -> None:
    rows = dinov2.dinov2(observation)
    picture = normalised(observation.pictures[1].image, 224, Image.Resampling.BICUBIC)
    with torch.inference_mode():
        token = folders["dinov2_large"](picture[None]).pooler_output[0]
    assert rows.shape == (len(observation.pictures), 24)
    assert rows[1] == pytest.approx(token.numpy(), abs=1e-5)


def test_videomae_gives_what_its_classifier_reads_of_each_window(
    folders: dict[str, Any], observation: Observation
) -> None:
    rows = videomae.videomae(observation)
    assert rows.shape == (2, 24)
    frames = [normalised(picture.image, 224, Image.Resampling.BILINEAR) for picture in observation.frames()]
    network = folders["videomae_base_ssv2"]
    with torch.inference_mode():
        logits = network(torch.stack(frames[16:32])[None]).logits[0]
        ours = network.classifier(torch.from_numpy(rows[1]))
    assert ours.numpy() == pytest.approx(logits.numpy(), abs=1e-5)
    assert np.abs(rows[0] - rows[1]).max() > 1e-4


def test_a_short_video_says_so(folders: dict[str, Any], tmp_path: Path, moving_picture: Frames) -> None:
    write_video(tmp_path / "short.mp4", moving_picture(15))
    with pytest.raises(MediaError) as raised:
        videomae.videomae(Observation(media=tmp_path / "short.mp4", max_frames=3))
    assert raised.value.reason == "too_short"


def test_a_folder_without_some_tensors_is_refused(folders: dict[str, Any], tmp_path: Path) -> None:
    config = tmp_path / "dinov2_large" / "config.json"
    config.write_text(json.dumps({**json.loads(config.read_text()), "num_hidden_layers": 3}))
    with pytest.raises(WeightsError, match="lacks tensors of Dinov2Model"):
        load_pretrained("Dinov2Model", "dinov2_large")
    config.unlink()
    with pytest.raises(WeightsError, match="holds no Dinov2Model"):
        load_pretrained("Dinov2Model", "dinov2_large")


def test_normalised_takes_imagenets_mean_and_deviation_out() -> None:
    grey = np.full((60, 90, 3), 124, np.uint8)
    values = normalised(grey, 32, Image.Resampling.BICUBIC)
    assert values.shape == (3, 32, 32)
    assert values[:, 5, 5].tolist() == pytest.approx([0.0056, 0.1351, 0.3566], abs=1e-3)
