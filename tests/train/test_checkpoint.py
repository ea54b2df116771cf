"""Checkpoints: a round trip, atomic, and read with no trust: missing, cut off, foreign and hostile ones."""

import json
import pickle
import struct
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from train.checkpoint import (
    AVERAGE,
    FORMAT,
    MODEL,
    OPTIMIZER,
    STATE,
    CheckpointError,
    TrainState,
    latest_checkpoint,
    load_model,
    read_state,
    write_checkpoint,
)
from train.models.emo import EmoModel

GOOD = {
    "preset": "tiny",
    "stage": "video",
    "step": 3,
    "seed": 0,
    "prediction_type": "epsilon",
    "zero_snr": False,
    "codecs": {"latents": "pixels", "speech": "log_mel"},
    "format": FORMAT,
}


def write(run: Path, model: EmoModel, *, step: int = 3, keep: int = 2) -> Path:
    return write_checkpoint(
        run,
        TrainState(preset="tiny", stage="video", step=step, seed=0, codecs=model.codecs),
        model=model.own_state(),
        average=model.own_state(),
        optimizer={},
        keep=keep,
    )


def test_a_round_trip(tmp_path: Path, model: EmoModel) -> None:
    write(tmp_path, model)
    loaded, state = load_model(tmp_path)
    assert state == TrainState(preset="tiny", stage="video", step=3, seed=0, codecs=model.codecs)
    assert all(torch.equal(value, model.state_dict()[name]) for name, value in loaded.state_dict().items())


def test_the_newest_are_kept_and_the_newest_is_found(tmp_path: Path, model: EmoModel) -> None:
    (tmp_path / "checkpoints" / "step-notes").mkdir(parents=True)
    (tmp_path / "checkpoints" / ".step-000005.tmp").mkdir()
    for step in (1, 2, 999_999, 1_000_000):
        write(tmp_path, model, step=step, keep=2)
    names = {p.name for p in (tmp_path / "checkpoints").iterdir()}
    assert names == {"step-999999", "step-1000000", "step-notes"}, "what a killed run had half written is gone"
    assert latest_checkpoint(tmp_path).name == "step-1000000"
    assert latest_checkpoint(latest_checkpoint(tmp_path)).name == "step-1000000", "a checkpoint's own folder will do"


@pytest.mark.parametrize(
    ("where", "error"),
    [
        ("train.checkpoint.sync", OSError(28, "No space left on device")),
        ("train.checkpoint.save_file", SafetensorError("No space left on device (os error 28)")),
    ],
)
def test_a_full_disk_is_said_and_leaves_what_was_there(
    tmp_path: Path, model: EmoModel, monkeypatch: pytest.MonkeyPatch, where: str, error: Exception
) -> None:
    write(tmp_path, model, step=1)

    def full(*_: object) -> None:
        raise error

    monkeypatch.setattr(where, full)
    with pytest.raises(CheckpointError, match=r"step-000002 can't be written: .*No space left"):
        write(tmp_path, model, step=2)
    assert [folder.name for folder in (tmp_path / "checkpoints").iterdir()] == ["step-000001"]


def test_other_codecs_than_those_it_was_trained_with_are_refused(tmp_path: Path, model: EmoModel) -> None:
    state = write(tmp_path, model) / STATE
    state.write_text(json.dumps(GOOD | {"codecs": {"latents": "taef2 12345678", "speech": "log_mel"}}))
    with pytest.raises(CheckpointError, match="was trained with latents taef2 12345678, speech"):
        load_model(tmp_path)


def test_only_safetensors_and_json_are_written(tmp_path: Path, model: EmoModel) -> None:
    assert sorted(p.name for p in write(tmp_path, model).iterdir()) == sorted([MODEL, AVERAGE, OPTIMIZER, STATE])


@pytest.mark.parametrize("missing", ["nowhere", "empty"])
def test_no_checkpoint_is_said_so(tmp_path: Path, missing: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(CheckpointError, match=missing):
        load_model(tmp_path / missing)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"format": "pickle"}, "format"),
        ({"preset": "../../etc"}, "preset"),
        ({"stage": "speech"}, "stage"),
        ({"step": -1}, "step"),
        ({"step": True}, "step"),
        ({"seed": "0"}, "seed"),
        ({"prediction_type": "guess"}, "prediction_type"),
        ({"zero_snr": 1}, "zero_snr"),
        ({"codecs": ["pixels"]}, "codecs"),
        ({"codecs": {"latents": {"path": "/etc"}}}, "codecs"),
        ({"codecs": {str(role): "a" for role in range(99)}}, "codecs"),
        ({"__reduce__": "os.system"}, "keys"),
    ],
)
def test_a_state_with_a_foreign_value_is_refused(tmp_path: Path, change: dict[str, object], complaint: str) -> None:
    (tmp_path / STATE).write_text(json.dumps(GOOD | change))
    with pytest.raises(CheckpointError, match=complaint):
        read_state(tmp_path)


@pytest.mark.parametrize("text", ["", "[]", "null", "{", "[" * 20_000, '{"step": NaN}', " " * 70_000, "\x00\xff"])
def test_a_state_that_is_no_state_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / STATE).write_bytes(text.encode("latin-1"))
    with pytest.raises(CheckpointError):
        read_state(tmp_path)


def _truncated(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-1000])


def _pickled(file: Path) -> None:
    file.write_bytes(pickle.dumps({"weight": torch.zeros(2)}))


def _huge_header(file: Path) -> None:
    file.write_bytes(struct.pack("<Q", 1 << 60) + b"{}")


def _empty(file: Path) -> None:
    file.write_bytes(b"")


def _renamed(file: Path) -> None:
    tensors = load_file(file)
    tensors["backbone.conv_in.wait"] = tensors.pop("backbone.conv_in.weight")
    save_file(tensors, file)


def _reshaped(file: Path) -> None:
    tensors = load_file(file)
    tensors["backbone.conv_in.weight"] = torch.zeros(3)
    save_file(tensors, file)


def _poisoned(file: Path) -> None:
    tensors = load_file(file)
    tensors["backbone.conv_in.bias"][0] = float("nan")
    save_file(tensors, file)


@pytest.mark.parametrize(
    ("spoil", "complaint"),
    [
        (_truncated, "not a safetensors"),
        (_pickled, "not a safetensors"),
        (_huge_header, "not a safetensors"),
        (_empty, "not a safetensors"),
        (Path.unlink, "missing"),
        (_renamed, "conv_in.weight is missing; backbone.conv_in.wait is not part of it"),
        (_reshaped, r"conv_in.weight is float32\[3\], not float32\["),
        (_poisoned, "conv_in.bias holds values that are not finite"),
    ],
)
def test_spoiled_weights_are_refused_with_a_readable_report(
    tmp_path: Path, model: EmoModel, spoil: Callable[[Path], None], complaint: str
) -> None:
    spoil(write(tmp_path, model) / AVERAGE)
    with pytest.raises(CheckpointError, match=complaint):
        load_model(tmp_path)
