"""wav2vec 2.0 features: its own hidden layers, each frame's in its own row, and nothing of training in them."""

from types import SimpleNamespace

import pytest
import torch
from transformers import Wav2Vec2Config, Wav2Vec2Model

from curate.errors import WeightsError
from train.speech_features import CONTEXT_FRAMES, SAMPLES_A_FRAME
from train.wav2vec2 import FIELD, HOP, Wav2Vec2Features

FRAMES = 4


def small_config(**changes: object) -> Wav2Vec2Config:
    sizes = {
        "hidden_size": 16,
        "num_hidden_layers": 3,
        "num_attention_heads": 2,
        "intermediate_size": 16,
        "conv_dim": (8,) * 7,
        "num_conv_pos_embeddings": 4,
        "num_conv_pos_embedding_groups": 2,
        "layerdrop": 0.5,
    }
    return Wav2Vec2Config(**(sizes | changes))


@pytest.fixture
def speech() -> Wav2Vec2Features:
    """A small one with seeded random weights."""
    torch.manual_seed(0)
    return Wav2Vec2Features(Wav2Vec2Model(small_config()), name="random")


def sound(seed: int = 0) -> torch.Tensor:
    n = (FRAMES + 2 * Wav2Vec2Features.margin_frames) * SAMPLES_A_FRAME
    return 0.1 * torch.randn(1, n, generator=torch.Generator().manual_seed(seed))


def test_a_row_is_the_mean_of_all_hidden_layers_outputs_in_its_frame(speech: Wav2Vec2Features) -> None:
    samples = sound()
    found = speech(samples)
    assert found.shape == (1, FRAMES, 2 * CONTEXT_FRAMES + 1, speech.features)
    normal = (samples - samples.mean()) / samples.std(unbiased=False)
    side = (FIELD - HOP) // 2
    with torch.no_grad():
        layers = speech.model(torch.nn.functional.pad(normal, (side, side)), output_hidden_states=True).hidden_states
    assert len(layers) == 4, "the embedding, which is left out, and three hidden layers"
    outputs = torch.cat(layers[1:], dim=-1)[0]
    place = speech.margin_frames + 2
    own = (outputs[2 * place] + outputs[2 * place + 1]) / 2
    assert torch.allclose(found[0, 2, CONTEXT_FRAMES], own, atol=1e-4)


def test_context_is_the_rows_of_the_frames_around(speech: Wav2Vec2Features) -> None:
    found = speech(sound())[0]
    for offset in range(-CONTEXT_FRAMES, FRAMES - CONTEXT_FRAMES):
        assert torch.equal(found[2, CONTEXT_FRAMES + offset], found[2 + offset, CONTEXT_FRAMES])


class ConvolutionsOnly(torch.nn.Module):
    """wav2vec 2.0 without its attention, which hears everything everywhere."""

    def __init__(self) -> None:
        super().__init__()
        self.whole = Wav2Vec2Model(small_config(feat_extract_norm="layer"))
        self.config, self.dtype = self.whole.config, self.whole.dtype

    def forward(self, samples: torch.Tensor, *, output_hidden_states: bool) -> SimpleNamespace:
        assert output_hidden_states
        return SimpleNamespace(hidden_states=(None, self.whole.feature_extractor(samples).transpose(1, 2)))


@pytest.mark.parametrize(
    ("sample", "frames"), [(10, {0, 1}), (60, {1}), (319, {1}), (590, {1}), (630, {1, 2})], ids=str
)
def test_a_sound_is_heard_in_its_own_frame_and_by_a_neighbour_at_the_edge(sample: int, frames: set[int]) -> None:
    """An output is made of 25 ms around its middle, so a frame's two reach 2.5 ms beyond it, on both sides alike."""
    torch.manual_seed(0)
    speech = Wav2Vec2Features(ConvolutionsOnly(), name="random")  # type: ignore[arg-type]
    before = sound()
    after, place = before.clone(), (speech.margin_frames + 1) * SAMPLES_A_FRAME + sample
    after[0, place], after[0, place + 1] = 1.0, -1.0  # what the whole sound's mean and size hardly feel
    before[0, place], before[0, place + 1] = -1.0, 1.0
    differs = (speech(after) - speech(before))[0, :, CONTEXT_FRAMES].abs().amax(dim=-1) > 1e-4
    assert set(differs.nonzero().flatten().tolist()) == frames


def test_training_mode_changes_nothing(speech: Wav2Vec2Features) -> None:
    expected = speech(sound())
    speech.train()
    assert torch.equal(speech(sound()), expected)
    assert not any(parameter.requires_grad for parameter in speech.parameters())


def test_loudness_is_normalised_and_silence_is_finite(speech: Wav2Vec2Features) -> None:
    assert torch.allclose(speech(sound()), speech(3 * sound() + 0.2), atol=1e-3)
    assert speech(torch.zeros_like(sound())).isfinite().all()


def test_other_timings_are_refused() -> None:
    config = small_config(conv_stride=(5, 2, 2, 2, 2, 2, 1))
    with pytest.raises(WeightsError, match="every 160 samples"):
        Wav2Vec2Features(Wav2Vec2Model(config), name="random")
