"""DeepfakeBench's checkpoints: told by their keys, read strictly, never run, and computed once more by hand."""

import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from curate.errors import WeightsError
from evaluate.detection.deepfakebench import State, load_checkpoint, load_deepfakebench, probability_of_fake
from evaluate.detection.detector import Abstention, run_detector
from evaluate.networks.xception import Xception
from evaluate.observation import Observation

PICTURES = np.random.default_rng(0).integers(0, 256, (2, 256, 256, 3), dtype=np.uint8)


def meso4_state() -> State:
    """Under DeepfakeBench's names: two norms, each used twice, and convolutions without a bias."""
    torch.manual_seed(0)
    state: State = {}
    for stage, (size, before, after) in enumerate(((3, 3, 8), (5, 8, 8), (5, 8, 16), (5, 16, 16)), start=1):
        state[f"conv{stage}.weight"] = torch.randn(after, before, size, size) * (2 / (before * size**2)) ** 0.5
    for number, width in ((1, 8), (2, 16)):
        for kind in ("weight", "bias", "running_mean", "running_var"):
            state[f"bn{number}.{kind}"] = torch.rand(width) + 0.5
        state[f"bn{number}.num_batches_tracked"] = torch.tensor(7)
    state |= {"fc1.weight": torch.randn(16, 1024) / 8, "fc1.bias": torch.randn(16)}
    return state | {"fc2.weight": torch.randn(2, 16) / 50, "fc2.bias": torch.randn(2)}


def meso4_by_hand(state: State, pictures: NDArray[np.uint8]) -> Tensor:
    """Two logits a picture, real and fake, by plain functions in the order of the published forward pass."""
    x = (torch.from_numpy(pictures).permute(0, 3, 1, 2).double() / 255 - 0.5) / 0.5
    weights = {key: value.double() for key, value in state.items()}
    for stage, (norm, pool) in enumerate((("bn1", 2), ("bn1", 2), ("bn2", 2), ("bn2", 4)), start=1):
        kernel = weights[f"conv{stage}.weight"]
        x = functional.conv2d(x, kernel, padding=kernel.shape[-1] // 2).relu()
        mean, variance, scale, shift = (
            weights[f"{norm}.{kind}"][:, None, None] for kind in ("running_mean", "running_var", "weight", "bias")
        )
        x = functional.max_pool2d((x - mean) / (variance + 1e-5).sqrt() * scale + shift, pool)
    x = functional.leaky_relu(x.flatten(1) @ weights["fc1.weight"].T + weights["fc1.bias"], 0.1)
    return x @ weights["fc2.weight"].T + weights["fc2.bias"]


def resnet34_state() -> State:
    from torchvision.models import resnet34

    places = {"conv1": "0", "bn1": "1", "layer1": "4", "layer2": "5", "layer3": "6", "layer4": "7"}
    torch.manual_seed(1)
    state: State = {}
    for key, value in resnet34(weights=None, num_classes=2).state_dict().items():
        module, _, rest = key.partition(".")
        state[f"resnet.{places[module]}.{rest}" if module in places else key] = value
    return state


def xception_state() -> State:
    torch.manual_seed(2)
    state = {f"module.backbone.{key}": value for key, value in Xception(n_classes=2).state_dict().items()}
    for kind in ("weight", "bias"):
        state[f"module.backbone.last_linear.1.{kind}"] = state.pop(f"module.backbone.last_linear.{kind}")
    state["module.backbone.adjust_channel.0.weight"] = torch.zeros(512, 2048, 1, 1)
    return state


def saved(folder: Path, held: object, name: str = "checkpoint.pth") -> Path:
    torch.save(held, folder / name)
    return folder / name


def answer_of(file: Path) -> float:
    _, network = load_checkpoint(file, "")
    return probability_of_fake(network, PICTURES)


def test_meso4_is_the_published_forward_pass(tmp_path: Path) -> None:
    state = meso4_state()
    for sign in (1, -1):  # which of both classes is fake shows only where they are swapped
        state |= {f"fc2.{kind}": sign * state[f"fc2.{kind}"] for kind in ("weight", "bias")}
        by_hand = meso4_by_hand(state, PICTURES).softmax(dim=1)[:, 1]
        assert 0.01 < float(by_hand.mean()) < 0.99
        file = saved(tmp_path, {f"backbone.{key}": value for key, value in state.items()}, f"{sign}.pth")
        assert answer_of(file) == pytest.approx(float(by_hand.mean()), abs=1e-5)


def test_resnet34_is_torchvision_s(tmp_path: Path) -> None:
    from torchvision.models import resnet34

    torch.manual_seed(1)
    network = resnet34(weights=None, num_classes=2).eval()
    x = torch.from_numpy(PICTURES).permute(0, 3, 1, 2).float() / 127.5 - 1
    with torch.inference_mode():
        expected = float(network(x).softmax(dim=1)[:, 1].mean())
    assert answer_of(saved(tmp_path, {"state_dict": resnet34_state()})) == pytest.approx(expected, abs=1e-6)


def test_xception_is_read_through_its_wrappers(tmp_path: Path) -> None:
    file = saved(tmp_path, {"model": xception_state(), "epoch": 3})
    name, network = load_checkpoint(file, "")
    assert name == "xception"
    torch.manual_seed(2)
    for key, value in Xception(n_classes=2).state_dict().items():
        assert torch.equal(network.state_dict()[key], value)


def without(key: str) -> Callable[[State], State]:
    return lambda state: {name: value for name, value in state.items() if name != key}


@pytest.mark.parametrize(
    ("changed", "complaint"),
    [
        (without("conv2.weight"), "lacks 2 tensors: stages.1.0.conv"),
        (without("fc2.bias"), "lacks 1 tensors: output.bias"),
        (lambda state: state | {"conv9.weight": torch.zeros(1)}, "1 tensors too many: conv9.weight"),
        (lambda state: state | {"fc1.weight": torch.zeros(16, 512)}, "another shape: hidden.weight"),
        (lambda state: state | {"fc2.weight": torch.zeros(5, 16)}, "another shape: output.weight"),
        (lambda state: state | {"conv3.weight": torch.zeros(())}, "another shape: stages.2"),
        (without("fc1.weight"), "no known architecture"),
        (lambda _: {}, "no dictionary of tensors"),
        (lambda _: [torch.zeros(1)], "no dictionary of tensors"),
        (lambda _: {"state_dict": 3}, "no dictionary of tensors"),
        (lambda state: state | {"fc2.bias": torch.zeros(())}, "another shape: output.bias"),
        (lambda state: state | {"bn1.bias": torch.full((8,), np.inf)}, "nan or infinite: stages.0.1.bias"),
        (lambda state: state | {"fc1.bias": torch.zeros(16).to_sparse()}, "no dictionary of tensors"),
        (lambda state: state | {"fc1.bias": torch.zeros(16, dtype=torch.complex64)}, "no dictionary of tensors"),
    ],
)
def test_what_is_not_the_network_is_refused(tmp_path: Path, changed: Callable[[State], object], complaint: str) -> None:
    with pytest.raises(WeightsError, match=complaint):
        load_deepfakebench("mine", str(saved(tmp_path, changed(meso4_state()))))


class Bomb:
    def __init__(self, place: Path) -> None:
        self.place = place

    def __reduce__(self) -> tuple[Callable[..., object], tuple[Path, ...]]:
        return Path.touch, (self.place,)


@pytest.mark.parametrize("as_a_whole", [True, False])
def test_nothing_in_a_checkpoint_is_run(tmp_path: Path, as_a_whole: bool) -> None:
    bomb = Bomb(tmp_path / "owned")
    held = bomb if as_a_whole else meso4_state() | {"fc1.bias": bomb}
    for file in (saved(tmp_path, held), tmp_path / "plain.pth"):
        if not file.exists():
            file.write_bytes(pickle.dumps(held))
        with pytest.raises(WeightsError, match="nothing of it was run"):
            load_deepfakebench("mine", str(file))
        assert not bomb.place.exists()
    pickle.loads(pickle.dumps(bomb))  # noqa: S301 - it would have gone off
    assert bomb.place.exists()


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 broken", b"\x80\x02.", b"\x89HDF\r\n\x1a\n", b"x" * 10_000])
def test_a_broken_file_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "broken.pth").write_bytes(content)
    with pytest.raises(WeightsError, match=r"broken\.pth"):
        load_deepfakebench("mine", str(tmp_path / "broken.pth"))


@pytest.mark.parametrize("place", ["nowhere.pth", "."])
def test_no_file_is_said(tmp_path: Path, place: str) -> None:
    with pytest.raises(WeightsError, match="is no file"):
        load_deepfakebench("mine", str(tmp_path / place))


def test_the_detector_answers_for_a_face_also_in_a_worker(tmp_path: Path, face_video: Path, face_weights: None) -> None:
    detector = load_deepfakebench("mine", str(saved(tmp_path, meso4_state())))
    assert "DeepfakeBench's meso4: checkpoint.pth (sha256 " in detector.origin
    assert detector.reads == ("picture",)
    observation = Observation(media=face_video, max_frames=4)
    answer = run_detector(detector, observation)
    assert isinstance(answer, float)
    assert run_detector(pickle.loads(pickle.dumps(detector)), observation) == answer  # noqa: S301 - our own


def test_without_a_face_it_abstains(tmp_path: Path) -> None:
    from curate.media_writing import write_video

    write_video(tmp_path / "grey.mp4", [np.full((96, 128, 3), 90, np.uint8)] * 30)
    detector = load_deepfakebench("mine", str(saved(tmp_path, meso4_state())))
    with pytest.raises(Abstention, match=r"^no_face: "):
        run_detector(detector, Observation(media=tmp_path / "grey.mp4", max_frames=1))
