"""MesoNet: its Keras graph computed once more with loops over plain arrays, and files that are not its weights."""

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from curate import weights
from curate.errors import WeightsError
from evaluate.networks.mesonet import (
    MesoNet,
    build_meso4,
    build_mesoinception4,
    load_mesonet,
    probability_of_synthetic,
    read_weights,
)

h5py = pytest.importorskip("h5py")

Array = NDArray[np.float64]
Layers = dict[str, dict[str, Array]]
BUILDERS: dict[str, Callable[[], MesoNet]] = {"meso4_df": build_meso4, "mesoinception_df": build_mesoinception4}
SHAPES = {
    "meso4_df": [(3, 3, 8), (5, 8, 8), (5, 8, 16), (5, 16, 16)],
    "mesoinception_df": [
        *((1, 3, 1), (1, 3, 4), (3, 4, 4), (1, 3, 4), (3, 4, 4), (1, 3, 2), (3, 2, 2)),
        *((1, 11, 2), (1, 11, 4), (3, 4, 4), (1, 11, 4), (3, 4, 4), (1, 11, 2), (3, 2, 2)),
        *((5, 12, 16), (5, 16, 16)),
    ],
}
NORMS = {"meso4_df": (8, 8, 16, 16), "mesoinception_df": (11, 12, 16, 16)}
FIRST = {"conv2d": 9, "batch_normalization": 3, "dense": 10}  # Keras goes on counting over a process' models


def convolved(x: Array, layer: dict[str, Array], dilation: int = 1) -> Array:
    """Keras' Conv2D(padding="same", activation="relu") of (H, W, in) with a kernel (k, k, in, out)."""
    kernel = layer["kernel"]
    size, reach = kernel.shape[0], dilation * (kernel.shape[0] - 1) // 2
    padded = np.pad(x, ((reach, reach), (reach, reach), (0, 0)))
    height, width = x.shape[:2]
    total = np.zeros((height, width, kernel.shape[3])) + layer["bias"]
    for row in range(size):
        for column in range(size):
            top, left = row * dilation, column * dilation
            total += padded[top : top + height, left : left + width] @ kernel[row, column]
    return np.maximum(total, 0.0)


def normalised(x: Array, layer: dict[str, Array]) -> Array:
    scale = layer["gamma"] / np.sqrt(layer["moving_variance"] + 1e-3)
    return (x - layer["moving_mean"]) * scale + layer["beta"]


def pooled(x: Array, size: int) -> Array:
    height, width, channels = x.shape
    return x.reshape(height // size, size, width // size, size, channels).max(axis=(1, 3))


def keras_output(name: str, layers: Layers, picture: Array) -> float:
    """The published graph's output for one (256, 256, 3) picture in [0, 1]."""
    convs, norms, (hidden, last) = (of_kind(layers, kind) for kind in ("conv2d", "batch_normalization", "dense"))
    x = picture
    for stage, pool in enumerate((2, 2, 2, 4)):
        if name == "mesoinception_df" and stage < 2:
            one, *pairs = convs[:7]
            convs = convs[7:]
            branches = [convolved(x, one)]
            for dilation in (1, 2, 3):
                before, after = pairs[2 * dilation - 2 : 2 * dilation]
                branches.append(convolved(convolved(x, before), after, dilation))
            x = np.concatenate(branches, axis=-1)
        else:
            x, convs = convolved(x, convs[0]), convs[1:]
        x = pooled(normalised(x, norms[stage]), pool)
    values = x.reshape(-1) @ hidden["kernel"] + hidden["bias"]
    values = np.where(values < 0, 0.1 * values, values)
    return 1 / (1 + float(np.exp(-(values @ last["kernel"] + last["bias"])[0])))


def of_kind(layers: Layers, kind: str) -> list[dict[str, Array]]:
    numbered = {int(name.rsplit("_", 1)[1]): layer for name, layer in layers.items() if name.startswith(kind)}
    return [numbered[number] for number in sorted(numbered)]


def read_layers(file: Path) -> Layers:
    with h5py.File(file, "r") as held:
        return {
            layer: {tensor.removesuffix(":0"): np.asarray(value, np.float64) for tensor, value in group[layer].items()}
            for layer, group in held.items()
            if len(group)
        }


def random_layers(name: str) -> Layers:
    random = np.random.default_rng(7)
    layers: Layers = {}
    for index, (k, channels_in, channels_out) in enumerate(SHAPES[name]):
        deviation = np.sqrt(2 / (k * k * channels_in))
        layers[f"conv2d_{FIRST['conv2d'] + index}"] = {
            "kernel": random.normal(0, deviation, (k, k, channels_in, channels_out)),
            "bias": random.normal(0, 0.1, channels_out),
        }
    for index, width in enumerate(NORMS[name]):
        drawn = {tensor: random.uniform(0.5, 1.5, width) for tensor in ("gamma", "moving_variance")}
        drawn |= {tensor: random.normal(0, 0.2, width) for tensor in ("beta", "moving_mean")}
        layers[f"batch_normalization_{FIRST['batch_normalization'] + index}"] = drawn
    for index, (wide, narrow) in enumerate(((1024, 16), (16, 1))):
        kernel = random.normal(0, np.sqrt(1 / wide), (wide, narrow))
        layers[f"dense_{FIRST['dense'] + index}"] = {"kernel": kernel, "bias": random.normal(0, 0.1, narrow)}
    return layers


def written(file: Path, layers: Layers) -> Path:
    with h5py.File(file, "w") as made:
        made.create_group("flatten_2")
        for layer, tensors in layers.items():
            for tensor, value in tensors.items():
                made[f"{layer}/{layer}/{tensor}:0"] = value.astype(np.float32)
    return file


def check_parity(name: str, network: MesoNet, layers: Layers) -> None:
    pictures = np.random.default_rng(1).integers(0, 256, (2, 256, 256, 3), dtype=np.uint8)
    pictures[1] = np.linspace(0, 255, 256).astype(np.uint8)[:, None, None] // np.array([1, 2, 3], np.uint8)
    with torch.inference_mode():
        batch = torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 255
        ours = torch.sigmoid(network.eval()(batch)).numpy()
    theirs = np.array([keras_output(name, layers, picture / 255) for picture in pictures])
    assert np.abs(ours - theirs).max() < 1e-4
    assert probability_of_synthetic(network, pictures) == pytest.approx(1 - theirs.mean(), abs=1e-4)


@pytest.mark.parametrize("name", BUILDERS)
def test_it_is_the_published_graph_with_random_weights(name: str, tmp_path: Path) -> None:
    layers = random_layers(name)
    network = BUILDERS[name]()
    read_weights(network, written(tmp_path / "random.h5", layers))
    check_parity(name, network, layers)


@pytest.mark.parametrize("name", BUILDERS)
def test_it_is_the_published_graph_with_the_published_weights(name: str) -> None:
    try:
        file = weights.path(name)
    except WeightsError as error:
        pytest.skip(str(error))
    check_parity(name, load_mesonet(name), read_layers(file))


def test_pictures_that_look_quite_real_are_told_apart(tmp_path: Path) -> None:
    """The published output is 1.0 for both in single precision."""
    layers = random_layers("meso4_df")
    layers["dense_11"]["kernel"][:] = 0.01
    layers["dense_11"]["bias"][:] = 40.0
    network = build_meso4()
    read_weights(network, written(tmp_path / "sure.h5", layers))
    black, white = (np.full((1, 256, 256, 3), level, np.uint8) for level in (0, 255))
    answers = [probability_of_synthetic(network.eval(), picture) for picture in (black, white)]
    assert 0 < min(answers) < max(answers) < 1e-12


def without_one_kernel(layers: Layers) -> None:
    del layers["dense_10"]["kernel"]


def with_one_layer_more(layers: Layers) -> None:
    layers["dense_12"] = layers["dense_11"]


def of_the_other_kind(layers: Layers) -> None:
    layers["lstm_1"] = layers["dense_11"]


def of_another_shape(layers: Layers) -> None:
    layers["conv2d_9"]["kernel"] = layers["conv2d_9"]["kernel"].transpose(3, 2, 0, 1)


def with_a_scalar(layers: Layers) -> None:
    layers["dense_11"]["bias"] = np.array(0.0)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (without_one_kernel, "lacks dense_10/dense_10/kernel:0"),
        (with_one_layer_more, "3 layers of the kind dense, the network has 2"),
        (of_the_other_kind, "a layer 'lstm_1'"),
        (of_another_shape, r"conv2d_9/kernel:0 .* has the shape \(8, 3, 3, 3\)"),
        (with_a_scalar, r"dense_11/bias:0 .* has the shape \(\)"),
    ],
)
def test_what_does_not_fit_is_named(change: Callable[[Layers], None], complaint: str, tmp_path: Path) -> None:
    layers = random_layers("meso4_df")
    change(layers)
    with pytest.raises(WeightsError, match=complaint):
        read_weights(build_meso4(), written(tmp_path / "odd.h5", layers))


def test_a_file_of_another_kind_and_a_missing_package_are_weights_errors(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "text.h5").write_text("no HDF5")
    with pytest.raises(WeightsError, match="no HDF5 file"):
        read_weights(build_meso4(), tmp_path / "text.h5")
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(WeightsError, match=r"emoforge\[detect\]"):
        read_weights(build_meso4(), tmp_path / "text.h5")
