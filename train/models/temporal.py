"""The temporal module: self-attention over the motion frames and the clip's frames, and the speed layers."""

import torch
from diffusers.models.attention import BasicTransformerBlock
from diffusers.models.attention_processor import Attention
from diffusers.models.unets.unet_motion_model import AnimateDiffTransformer3D
from torch import Tensor, nn

from train.models.conditions import ConditionSlot
from train.models.recompute import recomputed
from train.models.zero_init import zeroed


class TemporalModule(nn.Module):
    """An AnimateDiff motion module whose input is the motion frames' maps and the clip's, joined along the frame axis.

    It takes over the layers of `module` under their own names. Its output layer begins at zero, so a new one is an
    identity. Without motion maps (stage image: single frames) it is left out.
    """

    def __init__(
        self, module: AnimateDiffTransformer3D, *, name: str, slot: ConditionSlot, speed_channels: int
    ) -> None:
        super().__init__()
        self.recomputes = False
        self._name = name
        self._slot = slot
        self.norm, self.proj_in, self.proj_out = module.norm, module.proj_in, zeroed(module.proj_out)
        self.transformer_blocks = nn.ModuleList(
            TemporalBlock(block, speed_channels=speed_channels) for block in module.transformer_blocks
        )

    def forward(
        self,
        hidden_states: Tensor,
        encoder_hidden_states: None = None,
        timestep: None = None,
        class_labels: None = None,
        num_frames: int = 1,
        cross_attention_kwargs: None = None,
    ) -> Tensor:
        """Take and return the maps (B F, channels, h, w) of each frame; the signature is diffusers' own."""
        given = self._slot.current
        if given.motion is None:
            return hidden_states
        motion = given.motion[self._name]
        joined = torch.cat([motion, hidden_states.unflatten(0, (-1, num_frames))], dim=1)
        mixed = recomputed(self._attend, joined, given.speed) if self.recomputes else self._attend(joined, given.speed)
        return hidden_states + mixed[:, motion.shape[1] :].flatten(0, 1)

    def _attend(self, maps: Tensor, speed: Tensor | None) -> Tensor:
        """Mix the frames of (B, n + F, channels, h, w) at each place of the map on its own."""
        batch, _, _, height, width = maps.shape
        normed = self.norm(maps.transpose(1, 2))
        tokens = self.proj_in(normed.permute(0, 3, 4, 2, 1).flatten(0, 2))
        for block in self.transformer_blocks:
            tokens = block(tokens, speed)
        places = self.proj_out(tokens).unflatten(0, (batch, height, width))
        changed: Tensor = places.permute(0, 3, 4, 1, 2)
        return changed


class TemporalBlock(nn.Module):
    """A motion module's transformer block with a speed layer (cross-attention to the head's speed) added at zero."""

    def __init__(self, block: BasicTransformerBlock, *, speed_channels: int) -> None:
        super().__init__()
        self.pos_embed = block.pos_embed
        self.norm1, self.attn1 = block.norm1, block.attn1
        self.norm2, self.attn2 = block.norm2, block.attn2
        self.norm3, self.ff = block.norm3, block.ff
        self.speed_norm = nn.LayerNorm(block.dim)
        self.speed_attention = Attention(
            query_dim=block.dim,
            cross_attention_dim=speed_channels,
            heads=block.num_attention_heads,
            dim_head=block.attention_head_dim,
        )
        zeroed(self.speed_attention.to_out[0])

    def forward(self, tokens: Tensor, speed: Tensor | None) -> Tensor:
        """Take and return the tokens (B h w, n + F, channels) of each place; `speed` is (B, n + F, channels)."""
        tokens = tokens + self.attn1(self.pos_embed(self.norm1(tokens)))
        tokens = tokens + self.attn2(self.pos_embed(self.norm2(tokens)))
        if speed is not None:
            tokens = tokens + self._speed_attention(self.pos_embed(self.speed_norm(tokens)), speed)
        out: Tensor = tokens + self.ff(self.norm3(tokens))
        return out

    def _speed_attention(self, tokens: Tensor, speed: Tensor) -> Tensor:
        """The speed is the same at every place, so all places of a clip share one set of keys and values."""
        queries = tokens.reshape(speed.shape[0], -1, tokens.shape[-1])
        attended: Tensor = self.speed_attention(queries, encoder_hidden_states=speed)
        return attended.reshape(tokens.shape)
