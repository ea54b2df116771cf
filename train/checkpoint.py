"""Checkpoints: safetensors and JSON, written whole or not at all, and read with no trust in what they hold."""

import json
import math
import re
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, get_args

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from curate.durable import sync
from curate.errors import EmoforgeError
from train.models.codecs import Frozen
from train.models.emo import EmoModel
from train.models.presets import PRESETS, build
from train.models.sources import Pretrained
from train.noise_schedule import PredictionType
from train.stages import StageName

FORMAT = "emoforge-checkpoint-2"
FOLDER = "checkpoints"
STATE = "state.json"
MODEL, AVERAGE, OPTIMIZER = "model.safetensors", "ema.safetensors", "optimizer.safetensors"
MAX_STATE_BYTES = 64 << 10
MAX_CODECS = 16


class CheckpointError(EmoforgeError):
    """A checkpoint that is missing, cut off, or not of this model."""


@dataclass(frozen=True, kw_only=True)
class TrainState:
    """What a checkpoint says about itself."""

    preset: str
    stage: StageName
    step: int  # optimiser steps done in this stage
    seed: int
    prediction_type: PredictionType = "epsilon"
    zero_snr: bool = False
    codecs: Mapping[str, str] = field(default_factory=dict)  # what turned pictures and sound into numbers, by role
    format: str = FORMAT


def write_checkpoint(
    run: Path,
    state: TrainState,
    *,
    model: Mapping[str, Tensor],
    average: Mapping[str, Tensor],
    optimizer: Mapping[str, Tensor],
    keep: int,
) -> Path:
    """Write RUN/checkpoints/step-NNNNNN, remove all but the newest `keep`, and return the new folder.

    The folder appears under its name only when all of it is on disk. CheckpointError when it can't be written.
    """
    folder = run / FOLDER / f"step-{state.step:06d}"
    scratch = folder.with_name(f".{folder.name}.tmp")
    tensors = {MODEL: model, AVERAGE: average, OPTIMIZER: optimizer}
    try:
        _remove_scratch(run)
        _write_files(scratch, state, tensors)
        shutil.rmtree(folder, ignore_errors=True)
        scratch.replace(folder)
        sync(folder.parent)
    except (OSError, SafetensorError) as error:
        shutil.rmtree(scratch, ignore_errors=True)  # on a full disk it is what is in the way
        raise CheckpointError(
            f"the checkpoint {folder} can't be written: {error}. Those before it stand; "
            "when there is room, the same command goes on from the newest"
        ) from error
    for old in _steps(run)[:-keep]:
        shutil.rmtree(old, ignore_errors=True)
    return folder


def _remove_scratch(run: Path) -> None:
    """Remove what a killed run had half written."""
    for left in run.glob(f"{FOLDER}/.step-*.tmp"):
        shutil.rmtree(left)


def _write_files(folder: Path, state: TrainState, tensors: Mapping[str, Mapping[str, Tensor]]) -> None:
    folder.mkdir(parents=True)
    for name, named in tensors.items():
        save_file({key: value.detach().cpu().contiguous() for key, value in named.items()}, folder / name)
    (folder / STATE).write_text(json.dumps(asdict(state), indent=2) + "\n", encoding="utf-8")
    for file in folder.iterdir():
        sync(file)


def latest_checkpoint(path: Path) -> Path:
    """Return the newest checkpoint of a train run folder, or `path` itself when it is one; else CheckpointError."""
    if (path / STATE).is_file():
        return path
    steps = _steps(path)
    if steps:
        return steps[-1]
    if not path.exists():
        raise CheckpointError(f"there is no checkpoint at {path}: no such folder")
    raise CheckpointError(f"{path} holds no checkpoint; give the --out folder of an emoforge train run")


def read_state(checkpoint: Path) -> TrainState:
    """Read and check state.json; CheckpointError says which key is wrong."""
    file = checkpoint / STATE
    try:
        if file.stat().st_size > MAX_STATE_BYTES:
            raise CheckpointError(f"{file} is over {MAX_STATE_BYTES} bytes: not a checkpoint of emoforge")
        values = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise CheckpointError(f"{file} can't be read: {error}") from error
    return _checked_state(values, file)


def read_weights(checkpoint: Path, model: EmoModel, *, name: str) -> dict[str, Tensor]:
    """Read MODEL or AVERAGE and check it against `model`: the same names, shapes and kinds, and finite values."""
    file = checkpoint / name
    tensors = _read_tensors(file, device=next(model.parameters()).device)
    problems = list(_differences(tensors, model.own_state()))
    if problems:
        more = f"; and {len(problems) - 4} more" if len(problems) > 4 else ""
        raise CheckpointError(f"{file} does not fit the model: {'; '.join(problems[:4])}{more}")
    return tensors


def optimizer_tensors(optimizer: torch.optim.Optimizer, named: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the optimizer's state as `kind/parameter name` -> tensor."""
    return {
        f"{kind}/{name}": torch.as_tensor(value)
        for name, parameter in named.items()
        for kind, value in optimizer.state.get(parameter, {}).items()
    }


def load_optimizer(
    checkpoint: Path,
    optimizer: torch.optim.Optimizer,
    named: Mapping[str, Tensor],
    *,
    states: Mapping[str, bool],
) -> None:
    """Put the saved state back; CheckpointError when it belongs to other parameters or another optimiser.

    `states` are the kinds of state that this one has, and whether each has its parameter's own shape.
    """
    file = checkpoint / OPTIMIZER
    for key, value in _read_tensors(file).items():
        kind, _, name = key.partition("/")
        if kind not in states or name not in named or (states[kind] and value.shape != named[name].shape):
            raise CheckpointError(f"{file} does not fit this run: {key[:120]!r} {tuple(value.shape)} is not expected")
        optimizer.state[named[name]][kind] = value.to(named[name].device) if value.dim() else value


def load_model(
    path: Path,
    *,
    device: str | torch.device = "cpu",
    frozen: Frozen = "load",
    pretrained: Pretrained = Pretrained(),  # noqa: B008 - frozen
) -> tuple[EmoModel, TrainState]:
    """Return the model with the averaged weights of a run's newest checkpoint, ready to sample, and its state.

    `frozen` and `pretrained` say where its codecs come from, as for `build`; CheckpointError when they are others than
    it was trained with.
    """
    checkpoint = latest_checkpoint(path)
    state = read_state(checkpoint)
    schedule = replace(PRESETS[state.preset].schedule, prediction_type=state.prediction_type, zero_snr=state.zero_snr)
    model = build(PRESETS[state.preset], schedule=schedule, frozen=frozen, pretrained=pretrained).to(device)
    codecs = model.codecs
    if codecs != state.codecs:
        raise CheckpointError(
            f"{checkpoint} was trained with {_named(state.codecs)}; here preset {state.preset} has {_named(codecs)}"
        )
    model.load_own_state(read_weights(checkpoint, model, name=AVERAGE))
    return model.eval(), state


def _named(codecs: Mapping[str, str]) -> str:
    return ", ".join(f"{role} {name}" for role, name in sorted(codecs.items())) or "no codecs"


def _checked_state(values: Any, file: Path) -> TrainState:
    expected = TrainState.__dataclass_fields__
    if not isinstance(values, dict) or set(values) != set(expected):
        found = sorted(map(str, values)) if isinstance(values, dict) else type(values).__name__
        raise CheckpointError(f"{file} must hold exactly the keys {', '.join(expected)}; it holds {found}"[:500])
    choices = {"format": (FORMAT,), "preset": tuple(PRESETS), "stage": get_args(StageName)}
    choices["prediction_type"] = get_args(PredictionType)
    for key, allowed in choices.items():
        if values[key] not in allowed:
            raise CheckpointError(
                f"{file}: {key} is {str(values[key])[:80]!r}; choose from {', '.join(map(str, allowed))}"
            )
    for key in ("step", "seed"):
        if type(values[key]) is not int or values[key] < 0:
            raise CheckpointError(f"{file}: {key} must be a whole number from 0, not {str(values[key])[:80]!r}")
    if type(values["zero_snr"]) is not bool:
        raise CheckpointError(f"{file}: zero_snr must be true or false, not {str(values['zero_snr'])[:80]!r}")
    if not _are_codecs(values["codecs"]):
        raise CheckpointError(f"{file}: codecs must be names by role, not {str(values['codecs'])[:80]!r}")
    return TrainState(**values)


def _are_codecs(value: Any) -> bool:
    if not isinstance(value, dict) or len(value) > MAX_CODECS:
        return False
    return all(isinstance(name, str) and len(name) < 500 for name in value.values())


def _read_tensors(file: Path, *, device: torch.device | None = None) -> dict[str, Tensor]:
    try:
        return load_file(file, device=str(device or "cpu"))
    except (OSError, SafetensorError) as error:
        raise CheckpointError(f"{file} is missing or not a safetensors file: {error}") from error


def _differences(found: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> Iterable[str]:
    for name in sorted(wanted.keys() - found.keys()):
        yield f"{name} is missing"
    for name in sorted(found.keys() - wanted.keys()):
        yield f"{name[:120]} is not part of it"
    for name in sorted(found.keys() & wanted.keys()):
        if found[name].shape != wanted[name].shape or found[name].dtype != wanted[name].dtype:
            yield f"{name} is {_kind(found[name])}, not {_kind(wanted[name])}"
        elif not math.isfinite(found[name].sum().item()):
            yield f"{name} holds values that are not finite"


def _kind(tensor: Tensor) -> str:
    return f"{str(tensor.dtype).removeprefix('torch.')}{list(tensor.shape)}"


def _steps(run: Path) -> list[Path]:
    """The run's checkpoints by their steps, however many digits those have."""
    named = [(re.fullmatch(r"step-(\d{6,18})", folder.name), folder) for folder in run.glob(f"{FOLDER}/step-*/")]
    return [folder for _, folder in sorted((int(match[1]), folder) for match, folder in named if match)]
