"""DeepfakeBench's checkpoints (Yan et al. 2023, arXiv 2307.01426): xception, resnet34 and meso4, told by their keys."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from curate.errors import WeightsError
from curate.one_thread import one_thread
from evaluate.detection.detector import Detector
from evaluate.detection.face_pictures import face_pictures
from evaluate.networks.mesonet import MesoNet, build_meso4
from evaluate.networks.xception import Xception
from evaluate.observation import Observation

FACE_SCALE = 1.38  # its crop is 3.58 times the distance of eyes and mouth, where MesoNet's, 1.1 here, is 2.86 times
SIZE_PX, N_PICTURES = 256, 16  # the size is DeepfakeBench's; it averages 32 pictures, at twice the cost
NORM_EPS = 1e-5  # torch's, where Keras' MesoNet has 1e-3
State = dict[str, Tensor]


@dataclass(frozen=True, kw_only=True)
class Architecture:
    """`mark`: a key that only its checkpoints have; `renamed`: their tensors under the names of `build()`."""

    name: str
    mark: str
    build: Callable[[], nn.Module]
    renamed: Callable[[State], State]


def load_deepfakebench(name: str, checkpoint: str) -> Detector:
    """Return the detector of a `.pth` file, which is read as tensors only.

    Its answer is the mean over at most 16 squares of the face, as large as DeepfakeBench's. Its own also turn a tilted
    head upright, so that its checkpoints may do worse on one here.
    Raises WeightsError for a file that isn't there, holds anything but tensors, is of another architecture, or lacks
    tensors, has others, or some of another shape.
    """
    file = Path(checkpoint)
    if not file.is_file():
        raise WeightsError(f"the detector {name!r} needs the DeepfakeBench checkpoint {file}, which is no file")
    with file.open("rb") as content:
        sha256 = hashlib.file_digest(content, "sha256").hexdigest()
    architecture, _ = load_checkpoint(file.absolute(), sha256)
    return Detector(
        name=name,
        origin=f"DeepfakeBench's {architecture}: {file.name} (sha256 {sha256})",
        reads=("picture",),
        score=partial(_score, file=file.absolute(), sha256=sha256),
    )


@cache
def load_checkpoint(file: Path, sha256: str) -> tuple[str, nn.Module]:
    """Architecture's name and the network, ready to be run: pictures (n, 3, 256, 256) RGB in [-1, 1] -> (n, 2) logits
    of real and fake, or for meso4 (n,) logits of real. `sha256` tells files of one name apart."""
    state = _plain_keys(read_tensors(file))
    architecture = next((known for known in ARCHITECTURES if known.mark in state), None)
    if architecture is None:
        known = ", ".join(one.name for one in ARCHITECTURES)
        raise WeightsError(f"{file} is of no known architecture ({known}); its first keys: {sorted(state)[:3]}")
    network = architecture.build()
    _fill(network, architecture.renamed(state), f"{file} ({architecture.name})")
    return architecture.name, network.eval().requires_grad_(False)


def read_tensors(file: Path) -> State:
    """Return the named tensors of a torch file, also inside a dictionary's `state_dict` or `model`.

    Nothing of the file is run: pickled objects other than tensors are refused with a WeightsError.
    """
    try:
        held = torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:  # a broken or hostile file makes the unpickler raise anything
        raise WeightsError(
            f"{file} is no file of tensors: it is broken, or holds pickled objects, which could run code and are "
            "refused; nothing of it was run. Save the model's state_dict() alone"
        ) from error
    for wrapper in ("state_dict", "model"):
        if isinstance(held, Mapping) and isinstance(held.get(wrapper), Mapping):
            held = held[wrapper]
    if not isinstance(held, Mapping) or not held or not all(map(_is_plain, held.values())):
        raise WeightsError(f"{file} holds no dictionary of tensors, as a model's state_dict() is")
    return {str(key): value for key, value in held.items()}


def _is_plain(value: object) -> bool:
    return (
        isinstance(value, Tensor)
        and value.layout is torch.strided
        and not (value.is_complex() or value.is_quantized or value.is_meta)
    )


def probability_of_fake(network: nn.Module, pictures: NDArray[np.uint8]) -> float:
    """Mean over pictures (n, 256, 256, 3) uint8 RGB."""
    batch = torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 127.5 - 1
    with torch.inference_mode(), one_thread():
        answers = network(batch).double()
        fake = torch.sigmoid(-answers) if answers.ndim == 1 else torch.softmax(answers, dim=1)[:, 1]
        return float(fake.mean())


def _score(observation: Observation, *, file: Path, sha256: str) -> float:
    _, network = load_checkpoint(file, sha256)
    return probability_of_fake(network, face_pictures(observation, size_px=SIZE_PX, n=N_PICTURES, scale=FACE_SCALE))


def _plain_keys(state: State) -> State:
    """Without what wrappers and the detector's class put before a key, and the layer that no forward pass uses."""
    plain = {re.sub(r"^(module\.)?(backbone\.)?", "", key): value for key, value in state.items()}
    return {key: value for key, value in plain.items() if not key.startswith("adjust_channel.")}


def _fill(network: nn.Module, state: State, source: str) -> None:
    wanted = {key: tuple(value.shape) for key, value in network.state_dict().items()}
    given = {key: tuple(value.shape) for key, value in state.items()}
    counters = {key for key in wanted if key.endswith("num_batches_tracked")}  # nothing reads them
    if lacking := sorted(wanted.keys() - given.keys() - counters):
        raise WeightsError(f"{source} lacks {len(lacking)} tensors: {', '.join(lacking[:4])}")
    if left := sorted(given.keys() - wanted.keys()):
        raise WeightsError(f"{source} holds {len(left)} tensors too many: {', '.join(left[:4])}")
    if other := sorted(key for key in given if given[key] != wanted[key] and key not in counters):
        shapes = ", ".join(f"{key} is {given[key]}, not {wanted[key]}" for key in other[:4])
        raise WeightsError(f"{source} has tensors of another shape: {shapes}")
    if broken := sorted(key for key, value in state.items() if not value.isfinite().all()):
        raise WeightsError(f"{source} has tensors that are nan or infinite: {', '.join(broken[:4])}")
    network.load_state_dict({key: value for key, value in state.items() if key not in counters}, strict=False)


def _xception(state: State) -> State:
    return {key.replace("last_linear.1.", "last_linear."): value for key, value in state.items()}  # with dropout


def _resnet34(state: State) -> State:
    """Torchvision's names for the children of a Sequential."""
    places = {"0": "conv1", "1": "bn1", "4": "layer1", "5": "layer2", "6": "layer3", "7": "layer4"}
    return {
        re.sub(r"^resnet\.(\d)\.", lambda found: f"{places.get(found[1], found[1])}.", key): value
        for key, value in state.items()
    }


def _build_resnet34() -> nn.Module:
    from torchvision.models import resnet34

    network: nn.Module = resnet34(weights=None, num_classes=2)
    return network


def _build_meso4() -> MesoNet:
    network = build_meso4()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eps = NORM_EPS
    return network


def _meso4(state: State) -> State:
    """Under the names of Keras' MesoNet, which shares no norm, flattens with the channels last, and answers once."""
    renamed = dict(state)
    for stage, norm in enumerate(("bn1", "bn1", "bn2", "bn2")):
        if (kernel := renamed.pop(f"conv{stage + 1}.weight", None)) is not None:
            renamed[f"stages.{stage}.0.conv.weight"] = kernel
            renamed[f"stages.{stage}.0.conv.bias"] = kernel.new_zeros(kernel.shape[:1])
        renamed |= {
            f"stages.{stage}.1.{key.removeprefix(f'{norm}.')}": value
            for key, value in state.items()
            if key.startswith(f"{norm}.")
        }
    renamed = {key: value for key, value in renamed.items() if not key.startswith(("bn1.", "bn2."))}
    for kind in ("weight", "bias"):
        if (hidden := renamed.pop(f"fc1.{kind}", None)) is not None:
            renamed[f"hidden.{kind}"] = _channels_last(hidden)
        if (classes := renamed.pop(f"fc2.{kind}", None)) is not None:
            classes = torch.atleast_1d(classes)
            # softmax of two is the sigmoid of their difference: real less fake
            renamed[f"output.{kind}"] = classes[:1] - classes[1:]
    return renamed


def _channels_last(hidden: Tensor) -> Tensor:
    if tuple(hidden.shape) != (16, 16 * 8 * 8):
        return hidden
    return hidden.reshape(16, 16, 8, 8).permute(0, 2, 3, 1).reshape(16, -1)


ARCHITECTURES = (
    Architecture(name="xception", mark="block12.skip.weight", build=partial(Xception, n_classes=2), renamed=_xception),
    Architecture(name="resnet34", mark="resnet.0.weight", build=_build_resnet34, renamed=_resnet34),
    Architecture(name="meso4", mark="fc1.weight", build=_build_meso4, renamed=_meso4),
)
