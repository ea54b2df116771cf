"""EfficientNet-Lite0: published weights load strictly and match the published network, and know a cat from coffee."""

import numpy as np
import pytest
import torch

from curate import weights
from curate.errors import WeightsError
from curate.one_thread import one_thread
from evaluate.features.fd_efficientnet_lite0 import preprocess
from evaluate.networks.efficientnet_lite0 import EfficientNetLite0

CATS, ESPRESSO = (281, 282, 285), 967  # ImageNet classes: tabby, tiger cat, Egyptian cat; espresso


@pytest.fixture(scope="module")
def network() -> EfficientNetLite0:
    try:
        path = weights.path("efficientnet_lite0")
    except WeightsError as error:
        pytest.skip(str(error))
    network = EfficientNetLite0()
    network.load_state_dict(torch.load(path, weights_only=True), strict=True)
    return network.eval()


def test_it_classifies_as_its_preprocessing_promises(network: EfficientNetLite0) -> None:
    data = pytest.importorskip("skimage.data", reason="scikit-image is in the demo extra")
    with torch.inference_mode(), one_thread():
        cat, coffee = (
            network(preprocess(np.asarray(data_of())))[0].softmax(0) for data_of in (data.chelsea, data.coffee)
        )
    assert float(cat[list(CATS)].sum()) > 0.8
    assert float(coffee[ESPRESSO]) > 0.9


def test_parity_with_the_published_network() -> None:
    """On random weights with the same keys, so that it needs no download; the oracle is not a dependency."""
    oracle_package = pytest.importorskip(
        "efficientnet_lite_pytorch", reason="the oracle is not installed: pip install efficientnet-lite-pytorch"
    )
    oracle = oracle_package.EfficientNet.from_name("efficientnet-lite0").eval()
    generator = torch.Generator().manual_seed(0)
    state = {
        key: torch.rand(value.shape, generator=generator) * 0.2 + (0.9 if "running_var" in key else -0.1)
        if value.is_floating_point()
        else value
        for key, value in oracle.state_dict().items()
    }
    oracle.load_state_dict(state)
    ours = EfficientNetLite0().eval()
    ours.load_state_dict(state, strict=True)
    pictures = torch.rand(2, 3, 224, 224, generator=generator) * 2 - 1
    with torch.inference_mode(), one_thread():
        assert torch.allclose(ours(pictures), oracle(pictures), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("size", [224, 225, 97])
def test_padding_keeps_tensorflows_output_size(size: int) -> None:
    with torch.inference_mode():
        assert EfficientNetLite0().eval()._conv_stem(torch.zeros(1, 3, size, size)).shape[-1] == -(-size // 2)


def test_one_thread_gives_the_threads_back() -> None:
    before = torch.get_num_threads()
    with one_thread():
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == before


def test_preprocess_takes_the_centre_square_to_the_range() -> None:
    wide = np.zeros((100, 300, 3), np.uint8)
    wide[:, 100:200] = 255
    picture = preprocess(wide)
    assert picture.shape == (1, 3, 224, 224)
    assert float(picture.min()) == float(picture.max()) == 1.0
    assert float(preprocess(np.zeros((50, 40, 3), np.uint8)).max()) == pytest.approx(-127 / 128)
