"""I3D: the same as the archive it was read from, which is read and never run."""

import math
import os
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from curate import weights
from curate.errors import WeightsError
from curate.one_thread import one_thread
from evaluate.networks.i3d import I3D, MaxPool, build_i3d, pad_same
from evaluate.networks.i3d_torchscript import load_i3d, read_tensors

ZEROS_TO_ONES = 151.256  # FVD of 8 black against 8 white videos of 30 frames, by StyleGAN-V's code


@pytest.fixture(scope="module")
def published() -> dict[str, Tensor]:
    """Random tensors under our own names, scaled so that activations neither die nor explode."""
    generator = torch.Generator().manual_seed(0)

    def drawn(name: str, value: Tensor) -> Tensor:
        if value.ndim == 5:
            return torch.randn(value.shape, generator=generator) * math.sqrt(2 / value[0].numel())
        if name.endswith(("running_var", "bn.weight")):
            return torch.rand(value.shape, generator=generator) * 0.2 + 0.9
        return torch.randn(value.shape, generator=generator) * 0.1 if value.is_floating_point() else value

    return {name: drawn(name, value) for name, value in I3D().state_dict().items()}


@pytest.fixture(scope="module")
def archive(published: dict[str, Tensor], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The network as TorchScript."""
    network = I3D().eval()
    network.load_state_dict(published)
    path = tmp_path_factory.mktemp("i3d") / "i3d_torchscript.pt"
    torch.jit.trace(network, torch.zeros(1, 3, 16, 224, 224), check_trace=False).save(str(path))
    return path


@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::torch.jit.TracerWarning")
def test_the_network_read_from_an_archive_is_the_archives(archive: Path) -> None:
    video = torch.rand(1, 3, 16, 224, 224, generator=torch.Generator().manual_seed(1)) * 2 - 1
    with torch.inference_mode(), one_thread():
        ours = build_i3d(read_tensors(archive))(video)
        theirs = torch.jit.load(str(archive))(video)
    assert ours.shape == (1, 400)
    assert ours.std() > 0.1
    assert torch.allclose(ours, theirs, atol=1e-5, rtol=1e-5)


def test_it_has_the_parameters_of_the_public_ports(published: dict[str, Tensor]) -> None:
    assert sum(value.numel() for value in I3D().parameters()) == 12_697_264
    assert sum(value.ndim == 5 for value in published.values()) == 58


def test_other_names_a_missing_scale_and_an_early_last_layer_are_no_matter(published: dict[str, Tensor]) -> None:
    last = {name: value for name, value in published.items() if name.startswith("logits")}
    rest = {f"i3d.{name}": value for name, value in published.items() if not name.endswith("bn.weight")}
    built = build_i3d(last | {name: value for name, value in rest.items() if "logits" not in name}).state_dict()
    for name, value in published.items():
        assert torch.equal(built[name], torch.ones_like(value) if name.endswith("bn.weight") else value), name


def without_one_mean(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: value for name, value in tensors.items() if name != "stages.2.bn.running_mean"}


def with_branches_swapped(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return dict(sorted(tensors.items(), key=lambda item: ("stages.5.b0" in item[0], item[0].startswith("logits"))))


def with_a_stranger(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {**tensors, "head.gamma": torch.zeros(3)}


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (without_one_mean, "57 tensors of the kind running_mean, the file 56"),
        (with_branches_swapped, "stages.5.b1a.conv3d.weight has the shape"),
        (with_a_stranger, "no tensor like head.gamma"),
    ],
)
def test_what_does_not_fit_is_named(
    change: Callable[[dict[str, Tensor]], dict[str, Tensor]], complaint: str, published: dict[str, Tensor]
) -> None:
    with pytest.raises(WeightsError, match=complaint):
        build_i3d(change(published))


@pytest.mark.parametrize(("size", "kernel", "stride"), [(224, 7, 2), (15, 3, 2), (14, 3, 2), (9, 2, 2), (7, 3, 1)])
def test_padding_gives_tensorflows_size_with_the_odd_one_at_the_end(size: int, kernel: int, stride: int) -> None:
    row = torch.ones(1, 1, 1, 1, size)
    padded = pad_same(row, (1, 1, kernel), (1, 1, stride)).flatten()
    front, back = int(padded.argmax()), int(padded.flip(0).argmax())
    assert (len(padded) - kernel) // stride + 1 == -(-size // stride)
    assert 0 <= back - front <= 1


def test_pooling_at_the_edge_takes_no_padding_for_a_value() -> None:
    values = torch.rand(1, 2, 5, 7, 7)
    assert torch.equal(MaxPool((3, 3, 3), (1, 1, 1))(values), nn.functional.max_pool3d(values, 3, 1, padding=1))


class Exploit:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.path),)


class Inflated:
    """One stored number that says it is a tensor of 10^12."""

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return torch._utils._rebuild_tensor_v2, (Stored(), 0, (10**12,), (0,), False, {})


class Stored:
    pass


class Pickler(pickle.Pickler):
    def persistent_id(self, thing: object) -> object:
        return ("storage", torch.FloatStorage, "0", "cpu", 1) if isinstance(thing, Stored) else None


def zipped(path: Path, thing: object) -> Path:
    with zipfile.ZipFile(path, "w") as made:
        with made.open("x/data.pkl", "w") as member:
            Pickler(member, protocol=2).dump(thing)
        made.writestr("x/data/0", bytes(4))
    return path


def test_no_code_of_an_archive_is_run(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"asks for \w+\.mkdir"):
        read_tensors(zipped(tmp_path / "evil.pt", Exploit(tmp_path / "ran")))
    assert not (tmp_path / "ran").exists()


def test_a_tensor_larger_than_its_bytes_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="larger than what is stored"):
        read_tensors(zipped(tmp_path / "bomb.pt", Inflated()))


def test_what_is_no_archive_says_so(tmp_path: Path) -> None:
    (tmp_path / "text.pt").write_text("no zip")
    with pytest.raises(WeightsError, match="no TorchScript archive"):
        read_tensors(tmp_path / "text.pt")
    with zipfile.ZipFile(tmp_path / "empty.pt", "w"), pytest.raises(WeightsError, match="no TorchScript archive"):
        read_tensors(tmp_path / "empty.pt")


def test_black_against_white_is_the_published_fvd() -> None:
    """With the real file, the one proof that tensors and layers were paired rightly."""
    try:
        weights.path("i3d_kinetics400")
    except WeightsError as error:
        pytest.skip(str(error))
    with torch.inference_mode(), one_thread():
        black, white = (load_i3d()(torch.full((1, 3, 30, 224, 224), value)) for value in (-1.0, 1.0))
    assert float(((black - white) ** 2).sum()) == pytest.approx(ZEROS_TO_ONES, abs=1.0)
