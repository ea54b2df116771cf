"""The spatial block: self-attention, then the reference portrait, then the voice, then the feed-forward layer."""

import math
from functools import cache
from typing import Any

import torch
from diffusers.models.attention import BasicTransformerBlock
from diffusers.models.attention_processor import Attention
from diffusers.models.embeddings import get_2d_sincos_pos_embed
from torch import Tensor, nn

from train.models.conditions import ConditionSlot
from train.models.recompute import recomputed
from train.models.zero_init import zeroed


class SpatialBlock(nn.Module):
    """A diffusers transformer block with reference attention for text attention, and audio attention after it.

    It takes over the layers of `block` under their own names, so that Stable Diffusion's weights load into it; both
    attentions begin at zero (EMO, section 3.2). With `places`, reference attention knows where in the picture a token
    lies: a model that begins with random weights learns from that to look at the same place first.
    """

    def __init__(
        self, block: BasicTransformerBlock, *, name: str, slot: ConditionSlot, audio_channels: int, places: bool
    ) -> None:
        super().__init__()
        self.recomputes = False
        self._name = name
        self._slot = slot
        self._places = places
        self.norm1, self.attn1 = block.norm1, block.attn1
        self.norm2, self.attn2 = block.norm2, block.attn2
        self.norm3, self.ff = block.norm3, block.ff
        zeroed(self.attn2.to_out[0])
        self.audio_norm = nn.LayerNorm(block.dim)
        self.audio_attention = Attention(
            query_dim=block.dim,
            cross_attention_dim=audio_channels,
            heads=block.num_attention_heads,
            dim_head=block.attention_head_dim,
            out_bias=False,
        )
        zeroed(self.audio_attention.to_out[0])

    def forward(self, hidden_states: Tensor, *_from_diffusers: Any, **_by_name: Any) -> Tensor:
        """Take and return the tokens (B F, h w, channels) of each frame."""
        given = self._slot.current
        reference = given.reference[self._name]
        if self.recomputes:
            return recomputed(self._attend, hidden_states, reference, given.audio)
        return self._attend(hidden_states, reference, given.audio)

    def _attend(self, tokens: Tensor, reference: Tensor, audio: Tensor | None) -> Tensor:
        tokens = tokens + self.attn1(self.norm1(tokens))
        tokens = tokens + self._reference_attention(self.norm2(tokens), reference)
        if audio is not None:
            voice = audio.flatten(0, 1)
            tokens = tokens + self.audio_attention(self.audio_norm(tokens), encoder_hidden_states=voice)
        out: Tensor = tokens + self.ff(self.norm3(tokens))
        return out

    def _reference_attention(self, tokens: Tensor, reference: Tensor) -> Tensor:
        """All the frames of a clip look at one reference, so they share one set of keys and values."""
        queries = tokens
        if self._places:
            place = _places(math.isqrt(tokens.shape[1]), tokens.shape[2], tokens.device, tokens.dtype)
            queries, reference = tokens + place, reference + place
        queries = queries.reshape(reference.shape[0], -1, tokens.shape[-1])
        attended: Tensor = self.attn2(queries, encoder_hidden_states=reference)
        return attended.reshape(tokens.shape)


@cache
def _places(side: int, channels: int, device: torch.device, dtype: torch.dtype) -> Tensor:
    """Sines of the place of each token of a square map, (side^2, channels): what lies at the same place stands out."""
    places: Tensor = get_2d_sincos_pos_embed(channels, side, device=device, output_type="pt")
    return places.to(device, dtype)
