"""wav2vec 2.0 features of the sound: all hidden layers, averaged from 50 Hz to a row for each 25 fps video frame."""

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from curate.errors import WeightsError
from train.speech_features import CONTEXT_FRAMES, SAMPLE_RATE_HZ, SAMPLES_A_FRAME, with_context

if TYPE_CHECKING:
    from transformers import Wav2Vec2Config, Wav2Vec2Model

HOP, FIELD = 320, 400  # samples from one of its outputs to the next, and samples each is made of
VARIANCE_FLOOR = 1e-7  # that of its own feature extractor


class Wav2Vec2Features(nn.Module):
    """A frozen wav2vec 2.0; Hallo's choice of layers (all hidden ones) fills the gap that EMO's section 3.2 leaves.

    It attends to all the sound it is given, so training and sampling give it the same: a window's frames and one second
    on each side. Any length of sound then costs the same memory, and a window's features don't depend on the rest.
    """

    margin_frames = SAMPLE_RATE_HZ // SAMPLES_A_FRAME

    def __init__(self, model: "Wav2Vec2Model", *, name: str) -> None:
        """WeightsError when its convolutions are not wav2vec 2.0's usual ones (20 ms apart, 25 ms long)."""
        super().__init__()
        _check_timing(model.config)
        self.name = name
        self.model = model
        self.features: int = model.config.hidden_size * model.config.num_hidden_layers
        self.requires_grad_(False).eval()

    def train(self, mode: bool = True) -> "Wav2Vec2Features":
        """Stay in evaluation mode: in training mode it would drop layers and mask parts of the sound."""
        return super().train(False)

    @torch.no_grad()
    def forward(self, samples: Tensor) -> Tensor:
        """Take (B, N) samples at 16 kHz, N = (F + 2 margin_frames) * 640, and return (B, F, 2m + 1, features).

        A frame's own row is the mean of the two outputs whose centres are 10 ms before and after the frame's middle.
        """
        deviation = (samples.var(dim=1, unbiased=False, keepdim=True) + VARIANCE_FLOOR).sqrt()
        normal = (samples - samples.mean(dim=1, keepdim=True)) / deviation
        side = (FIELD - HOP) // 2  # so that N samples give N / 320 outputs, each in the middle of its own 320
        found = self.model(F.pad(normal, (side, side)).to(self.model.dtype), output_hidden_states=True).hidden_states
        rows = torch.cat(found[1:], dim=-1).unflatten(1, (-1, SAMPLES_A_FRAME // HOP)).mean(dim=2)
        outside = self.margin_frames - CONTEXT_FRAMES
        return with_context(rows[:, outside:-outside])


def _check_timing(config: "Wav2Vec2Config") -> None:
    hop, field = 1, 1
    for kernel, stride in zip(config.conv_kernel, config.conv_stride, strict=True):
        field += (kernel - 1) * hop
        hop *= stride
    if (hop, field) != (HOP, FIELD):
        raise WeightsError(
            f"this wav2vec 2.0 gives an output every {hop} samples, made of {field}; frames need {HOP} and {FIELD}"
        )
