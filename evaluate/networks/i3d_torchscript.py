"""Reads the tensors out of a TorchScript archive without running any of the code in it.

torch.jit.load compiles and runs what the archive holds. Here the archive is only a zip: its data.pkl is unpickled with
every class of the archive's own replaced by an inert holder, torch's tensor rebuilding by ours, and all else refused.
"""

from __future__ import annotations

import io
import math
import pickle
import zipfile
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from curate import weights
from curate.errors import WeightsError
from evaluate.networks.i3d import I3D, build_i3d

WEIGHTS = "i3d_kinetics400"
MAX_BYTES = 1 << 28  # of the pickle and all tensors together; I3D's are 50 MB
DTYPES = {"FloatStorage": torch.float32, "HalfStorage": torch.float16, "LongStorage": torch.int64}
LISTS = ("build_intlist", "build_doublelist", "build_boollist", "build_tensorlist")


@cache
def load_i3d() -> I3D:
    """The Kinetics-400 network of the tf.hub variant, from StyleGAN-V's i3d_torchscript.pt."""
    return build_i3d(read_tensors(weights.path(WEIGHTS)))


def read_tensors(archive: Path) -> dict[str, Tensor]:
    """Dotted name -> tensor of every parameter and buffer, in the order in which the modules hold them.

    WeightsError for an archive that is none, is too large, or asks for anything else than tensors and containers.
    """
    try:
        with zipfile.ZipFile(archive) as opened:
            root = _Unpickler(_Members(opened)).load()
            return dict(_named_tensors(root))
    except (zipfile.BadZipFile, pickle.UnpicklingError, OSError, KeyError, ValueError, TypeError) as error:
        raise WeightsError(f"{archive} is no TorchScript archive that can be read: {error}") from error
    except (EOFError, AttributeError, IndexError, RuntimeError, NotImplementedError) as error:
        raise WeightsError(f"{archive} is damaged: {error}") from error


class _Members:
    """The files of an archive, under its single top folder, as long as they stay within MAX_BYTES."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self.archive = archive
        self.left = MAX_BYTES
        pickles = [name for name in archive.namelist() if name.endswith("/data.pkl")]
        if len(pickles) != 1:
            raise ValueError(f"it has {len(pickles)} files data.pkl")
        self.top = pickles[0].removesuffix("data.pkl")

    def read(self, name: str) -> bytes:
        with self.archive.open(self.top + name) as member:
            content = member.read(self.left + 1)
        self.left -= len(content)
        if self.left < 0:
            raise ValueError(f"it holds more than {MAX_BYTES} bytes")
        return content


class _Module:
    """What a module of the archive is here: its attributes by name."""

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.attributes = dict(state)


class _Unpickler(pickle.Unpickler):
    """Makes modules, tensors and plain containers, and nothing else."""

    def __init__(self, members: _Members) -> None:
        super().__init__(io.BytesIO(members.read("data.pkl")))
        self.members = members
        self.storages: dict[str, Tensor] = {}

    def find_class(self, module: str, name: str) -> Any:
        if module.startswith("__torch__"):
            return _Module
        if module == "torch" and name in DTYPES:
            return name
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _tensor
        if module == "torch.jit._pickle" and name in LISTS:
            return list
        if (module, name) == ("torch.jit._pickle", "restore_type_tag"):
            return _untagged
        raise pickle.UnpicklingError(f"it asks for {module}.{name}")

    def persistent_load(self, pid: Any) -> Tensor:
        _, kind, key, *_ = pid
        if key not in self.storages:
            content = bytearray(self.members.read(f"data/{key}"))
            self.storages[key] = torch.frombuffer(content, dtype=DTYPES[kind]) if content else torch.empty(0)
        return self.storages[key]


def _tensor(
    storage: Tensor, offset: int, size: Sequence[int], stride: Sequence[int], *_gradient_and_hooks: object
) -> Tensor:
    """A part of the storage; as_strided refuses to reach beyond it, and a small one can't be blown up."""
    if math.prod(size) > len(storage):
        raise ValueError("a tensor is larger than what is stored of it")
    return torch.as_strided(storage, size, stride, offset)


def _untagged(value: object, _tag: str) -> object:
    return value


def _named_tensors(node: object, prefix: str = "") -> Iterator[tuple[str, Tensor]]:
    if not isinstance(node, _Module):
        return
    for name, value in node.attributes.items():
        if isinstance(value, Tensor):
            yield prefix + name, value
        yield from _named_tensors(value, f"{prefix}{name}.")
