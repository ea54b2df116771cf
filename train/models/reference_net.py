"""The ReferenceNet: the backbone's spatial twin, run once a clip on the reference portrait and the motion frames."""

from collections.abc import Iterable
from typing import Any

import torch
from diffusers import UNet2DConditionModel
from diffusers.models.attention import BasicTransformerBlock
from torch import Tensor, nn

from train.models.recompute import recomputed


class ReferenceNet(nn.Module):
    """Give the features that the backbone's layers of the same name attend to (EMO, section 3.2).

    Reference attention reads the (normed) outputs of the self-attention layers, temporal modules the maps at the place
    where they stand in the backbone: after the transformer, or after the residual block where there is none.
    """

    def __init__(self, unet: UNet2DConditionModel, *, temporal_names: Iterable[str]) -> None:
        super().__init__()
        self._tokens: dict[str, Tensor] = {}
        self._maps: dict[str, Tensor] = {}
        self.unet = unet
        unet.conv_norm_out, unet.conv_out = None, nn.Identity()  # it denoises nothing
        for name in transformer_block_names(unet):
            unet.set_submodule(name, ReferenceBlock(unet.get_submodule(name), name=name, tokens=self._tokens))
        for name in temporal_names:
            unet.get_submodule(self._place_of(name)).register_forward_hook(self._keep_map(name))

    def forward(self, latents: Tensor) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """Take (B, k, C, h, w) latents of k pictures; return tokens (B, k, h' w', c) and maps (B, k, c, h', w').

        The time step is 0: the pictures are clean.
        """
        self._tokens.clear()
        self._maps.clear()
        self.unet(latents.flatten(0, 1), torch.zeros((), device=latents.device), encoder_hidden_states=None)
        tokens = {name: found.unflatten(0, latents.shape[:2]) for name, found in self._tokens.items()}
        maps = {name: found.unflatten(0, latents.shape[:2]) for name, found in self._maps.items()}
        self._tokens.clear()
        self._maps.clear()
        return tokens, maps

    def _place_of(self, temporal_name: str) -> str:
        after_attention = temporal_name.replace("motion_modules", "attentions")
        names = {name for name, _ in self.unet.named_modules()}
        return after_attention if after_attention in names else temporal_name.replace("motion_modules", "resnets")

    def _keep_map(self, name: str) -> Any:
        def keep(_module: nn.Module, _inputs: Any, output: Any) -> None:
            self._maps[name] = output[0] if isinstance(output, tuple) else output

        return keep


class ReferenceBlock(nn.Module):
    """A diffusers transformer block without text attention that notes what its self-attention gives."""

    def __init__(self, block: BasicTransformerBlock, *, name: str, tokens: dict[str, Tensor]) -> None:
        super().__init__()
        self.recomputes = False
        self._name = name
        self._noted = tokens
        self.norm1, self.attn1, self.norm2 = block.norm1, block.attn1, block.norm2
        self.norm3, self.ff = block.norm3, block.ff

    def forward(self, hidden_states: Tensor, *_from_diffusers: Any, **_by_name: Any) -> Tensor:
        """Take and return the tokens (pictures, h w, channels)."""
        attend = self._attend
        out, self._noted[self._name] = recomputed(attend, hidden_states) if self.recomputes else attend(hidden_states)
        return out

    def _attend(self, hidden_states: Tensor) -> tuple[Tensor, Tensor]:
        tokens = hidden_states + self.attn1(self.norm1(hidden_states))
        return tokens + self.ff(self.norm3(tokens)), self.norm2(tokens)


def transformer_block_names(unet: nn.Module) -> list[str]:
    """Return the names of a diffusers UNet's spatial transformer blocks."""
    return [
        name
        for name, module in unet.named_modules()
        if isinstance(module, BasicTransformerBlock) and ".attentions." in name
    ]
