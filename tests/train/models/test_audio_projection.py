"""The audio projection: silence of the condition is silence of its tokens."""

import pytest
import torch

from train.models.audio_projection import AudioProjection


@pytest.mark.parametrize(("hidden", "straight"), [((8,), True), ((8, 8), False)])
def test_no_features_give_no_tokens_and_features_give_tokens_of_one_size(
    hidden: tuple[int, ...], straight: bool
) -> None:
    torch.manual_seed(0)
    projection = AudioProjection(features=6, window=5, hidden=hidden, tokens=3, channels=4, straight=straight)
    assert not projection(torch.zeros(2, 7, 5, 6)).any()
    tokens = projection(100 * torch.randn(2, 7, 5, 6))
    assert tokens.shape == (2, 7, 3, 4)
    assert torch.allclose(tokens.square().mean(-1), torch.ones(2, 7, 3), atol=1e-3)
