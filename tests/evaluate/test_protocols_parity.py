"""Our FIDs against the implementations they are named after: one random-weight network, the same pictures.

Features agree within 1e-5 of each vector's length: means and covariances, so distances, move by no more than vectors
do, while a relative error per number has no meaning where a ReLU leaves almost nothing. Distances agree within 1e-6 on
the 4 features that vary most, for 6 pictures a side: with more features than pictures the implementations' own matrix
roots are off by more than that (tests/evaluate/test_distances.py has our proofs there).
"""

from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import nn

from curate import plugins
from curate.one_thread import one_thread
from evaluate.kernel_distance import kernel_sums, unbiased_kid
from evaluate.observation import Observation, Picture
from tests.evaluate.clips import measured, sets
from tests.evaluate.random_inception import FILE, in_place_of_the_published, random_state

DEVELOPMENT = "an oracle of this test, a development dependency, is not installed"
clean_fid, clean_network, pytorch_fid, pytorch_network, fidelity, fidelity_fid, fidelity_kid, metrics_fid = (
    pytest.importorskip(name, reason=DEVELOPMENT)
    for name in (
        *("cleanfid.fid", "cleanfid.inception_torchscript", "pytorch_fid.fid_score", "pytorch_fid.inception"),
        *("torch_fidelity", "torch_fidelity.metric_fid", "torch_fidelity.metric_kid", "torchmetrics.image.fid"),
    )
)

A_SIDE = 6
SIZES = ((64, 64), (96, 128), (180, 120), (256, 256), (300, 299), (299, 420), (360, 360), (512, 384))
FEW = 4
FEATURES_WITHIN = 1e-5
DISTANCES_WITHIN = 1e-6

Features = NDArray[np.float32]


@dataclass(frozen=True)
class Oracle:
    """An implementation: our metric of it, its features of picture files, its distance of two sets of features."""

    metric: str
    features: Callable[[list[Path]], Features]
    distance: Callable[[Features, Features], float]


def by_pytorch_fid(files: list[Path]) -> Features:
    network = pytorch_fid_network(files[0].parent / FILE)
    given: Features = pytorch_fid.get_activations(files, network, batch_size=1, num_workers=0)
    return given


def pytorch_fid_network(weights: Path) -> nn.Module:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pytorch_network, "load_state_dict_from_url", lambda *_, **__: torch.load(weights))
        network: nn.Module = pytorch_network.InceptionV3([3])
    return network.eval()


def pytorch_fid_distance(a: Features, b: Features) -> float:
    moments = [moment for x in (a, b) for moment in (np.mean(x, axis=0), np.cov(x, rowvar=False))]
    return float(pytorch_fid.calculate_frechet_distance(*moments))


def by_torch_fidelity(files: list[Path]) -> Features:
    network = fidelity.FeatureExtractorInceptionV3(
        "inception-v3-compat", ["2048"], feature_extractor_weights_path=str(files[0].parent / FILE)
    )
    return np.concatenate([network(bytes_of(file))[0].numpy() for file in files])


def torch_fidelity_distance(a: Features, b: Features) -> float:
    """On float64 features: it takes the means in the features' own type."""
    statistics = [fidelity_fid.fid_features_to_statistics(torch.from_numpy(x).double()) for x in (a, b)]
    return float(fidelity_fid.fid_statistics_to_metric(*statistics, verbose=False)[fidelity_fid.KEY_METRIC_FID])


def by_torchmetrics(files: list[Path], *, antialias: bool = True) -> Features:
    metric = metrics_fid.FrechetInceptionDistance(
        feature_extractor_weights_path=str(files[0].parent / FILE), antialias=antialias
    )
    return np.concatenate([metric.inception(bytes_of(file)).numpy() for file in files])


def torchmetrics_distance(a: Features, b: Features) -> float:
    given = nn.Identity()
    given.num_features = a.shape[1]  # type: ignore[assignment]
    metric = metrics_fid.FrechetInceptionDistance(feature=given)
    metric.update(torch.from_numpy(a).double(), real=True)
    metric.update(torch.from_numpy(b).double(), real=False)
    return float(metric.compute())


def by_clean_fid(files: list[Path]) -> Features:
    """Its network is a TorchScript whose `layers` take a resized picture: here pytorch-fid's blocks, traced."""
    folder = files[0].parent
    script = nn.Sequential(OrderedDict(layers=nn.Sequential(*pytorch_fid_network(folder / FILE).blocks)))
    torch.jit.trace(script, torch.zeros(1, 3, 299, 299)).save(folder / "inception-2015-12-05.pt")
    network = clean_network.InceptionV3W(str(folder), download=False)
    given: Features = clean_fid.get_files_features(
        files, network, num_workers=0, batch_size=1, device=torch.device("cpu"), mode="clean", verbose=False
    )
    return given


def clean_fid_distance(a: Features, b: Features) -> float:
    return float(clean_fid.fid_from_feats(a, b))


ORACLES = (
    Oracle("fid_pytorch_fid", by_pytorch_fid, pytorch_fid_distance),
    Oracle("fid_torch_fidelity", by_torch_fidelity, torch_fidelity_distance),
    Oracle("fid_torchmetrics", by_torchmetrics, torchmetrics_distance),
    Oracle("fid_clean_fid", by_clean_fid, clean_fid_distance),
)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Path]]:
    """The pictures as PNG, the second side's darker, beside weights which stand for the published ones meanwhile.

    The sides are far apart so that the float32 noise of any network (3e-7 of a vector) is small in their distance.
    """
    folder = tmp_path_factory.mktemp("parity")
    random = np.random.default_rng(0)
    paths = [folder / f"{index:02}.png" for index in range(2 * A_SIDE)]
    for index, path in enumerate(paths):
        picture = Image.fromarray(natural(random, SIZES[index % len(SIZES)]))
        (picture if index < A_SIDE else picture.point(lambda value: value // 4)).save(path)
    with in_place_of_the_published(random_state(), folder), torch.inference_mode(), one_thread():
        yield paths


@pytest.mark.parametrize("oracle", ORACLES, ids=lambda oracle: oracle.metric)
def test_features_and_distance_are_the_implementations_own(oracle: Oracle, files: list[Path]) -> None:
    (feature,) = plugins.constant("evaluate.metrics", oracle.metric, "FEATURES", ())
    ours, theirs = our_features(feature, files), oracle.features(files)
    assert error(ours, theirs) < FEATURES_WITHIN
    few = np.argsort(theirs.std(axis=0))[-FEW:]
    expected = oracle.distance(*np.split(theirs[:, few], 2))
    assert our_distance(oracle.metric, feature, ours[:, few]) == pytest.approx(expected, rel=DISTANCES_WITHIN)


def test_torchmetrics_without_antialiasing_is_torch_fidelity(files: list[Path]) -> None:
    assert (
        error(our_features("inception_2015", files[:2]), by_torchmetrics(files[:2], antialias=False)) < FEATURES_WITHIN
    )


def test_kid_is_torch_fidelitys(files: list[Path]) -> None:
    """On one subset of all pictures; torch-fidelity and torchmetrics otherwise average subsets that they draw."""
    sides = np.split(our_features("inception_2015", files[:6]), 2)
    theirs = fidelity_kid.kid_features_to_metric(
        *(torch.from_numpy(side).double() for side in sides), kid_subsets=1, kid_subset_size=3, verbose=False
    )
    expected = theirs[fidelity_kid.KEY_METRIC_KID_MEAN]
    assert unbiased_kid(kernel_sums(*sides)) == pytest.approx(expected, rel=DISTANCES_WITHIN)


def our_features(name: str, files: list[Path]) -> Features:
    observation = Observation(media=b"", max_frames=len(files))
    pictures = tuple(Picture(index=index, image=np.asarray(Image.open(file))) for index, file in enumerate(files))
    observation.__dict__["pictures"] = pictures  # a cached property: in the place of decoding
    features: Features = plugins.load("evaluate.features", name)(observation)
    return features


def our_distance(metric: str, feature: str, features: Features) -> float:
    """The metric's value with every picture a clip of its own."""
    clips = [measured(f"{index:02}", feature=feature, vectors=row[None]) for index, row in enumerate(features)]
    value: float = plugins.load("evaluate.metrics", metric)(sets(clips[:A_SIDE], clips[A_SIDE:])).value
    return value


def error(a: Features, b: Features) -> float:
    """The largest distance of two vectors for one picture, over the vector's length."""
    assert a.shape == b.shape
    return float(np.max(np.linalg.norm(a - b, axis=1) / np.linalg.norm(b, axis=1)))


def bytes_of(file: Path) -> torch.Tensor:
    return torch.from_numpy(np.array(Image.open(file)).transpose(2, 0, 1)[None].copy())


def natural(random: np.random.Generator, size: tuple[int, int]) -> NDArray[np.uint8]:
    """A picture with detail at every scale, as photographs have: noise of 4, 8, 16, ... px, ever fainter."""
    height, width = size
    layers = []
    for octave in range(6):
        grid = random.normal(size=(4 * 2**octave, 4 * 2**octave, 3)) / 2**octave
        channels = [Image.fromarray(grid[:, :, c].astype(np.float32)) for c in range(3)]
        layers.append(np.stack([np.asarray(c.resize((width, height), Image.Resampling.BICUBIC)) for c in channels], -1))
    return np.clip(128 + 60 * np.sum(layers, axis=0), 0, 255).astype(np.uint8)
