"""The EMO model: backbone, ReferenceNet and the small encoders, as one denoiser."""

from collections.abc import Mapping

import torch
from diffusers import UNetMotionModel
from torch import Tensor, nn

from train.models.audio_projection import AudioProjection
from train.models.conditions import Conditions, ConditionSlot, Inputs
from train.models.face_locator import FaceLocator
from train.models.patch_output import PatchOutput
from train.models.pixel_latents import PixelLatents
from train.models.reference_net import ReferenceNet, transformer_block_names
from train.models.spatial import SpatialBlock
from train.models.speed_encoder import SpeedEncoder
from train.models.temporal import TemporalModule
from train.noise_schedule import Schedule
from train.speech_features import LogMel

CODECS = ("latents.", "speech.")  # what turns pictures and sound into numbers: never trained, never saved


class EmoModel(nn.Module):
    """Predict the noise in a clip's latents from a portrait, a voice, a face region and a head speed.

    The parts are passed in; `train.models.presets` puts them together.
    """

    def __init__(
        self,
        *,
        backbone: UNetMotionModel,
        reference_net: ReferenceNet,
        audio_projection: AudioProjection,
        face_locator: FaceLocator,
        speed_encoder: SpeedEncoder,
        latents: PixelLatents,
        speech: LogMel,
        output: PatchOutput,
        schedule: Schedule,
        slot: ConditionSlot,
    ) -> None:
        """`backbone` is one that `add_emo_layers` has been over, with the same `slot`."""
        super().__init__()
        self.backbone = backbone
        self.reference_net = reference_net
        self.audio_projection = audio_projection
        self.face_locator = face_locator
        self.speed_encoder = speed_encoder
        self.latents = latents
        self.speech = speech
        self.output = output
        self.schedule = schedule
        self._slot = slot

    def own_state(self) -> dict[str, Tensor]:
        """Return what a checkpoint holds, by name: all but the frozen codecs `latents` and `speech`."""
        return {name: value for name, value in self.state_dict().items() if not name.startswith(CODECS)}

    def load_own_state(self, state: Mapping[str, Tensor]) -> None:
        """Put back what `own_state` gave; KeyError or RuntimeError when it is of another model."""
        codecs = {name: value for name, value in self.state_dict().items() if name.startswith(CODECS)}
        self.load_state_dict({**codecs, **state})

    def forward(self, noisy: Tensor, timesteps: Tensor, inputs: Inputs) -> Tensor:
        """Return the noise in `noisy` (B, F, C, h, w) at `timesteps` (B,), encoding `inputs` first."""
        return self.denoise(noisy, timesteps, self.encode(inputs))

    def encode(self, inputs: Inputs) -> Conditions:
        """Encode the conditions of a clip: once, however many denoising steps follow."""
        pictures = inputs.reference[:, None]
        if inputs.motion is not None:
            pictures = torch.cat([pictures, inputs.motion], dim=1)
        tokens, maps = self.reference_net(pictures)
        return Conditions(
            portrait=inputs.reference,
            reference={name: found[:, 0] for name, found in tokens.items()},
            face=self.face_locator(inputs.face_mask),
            motion=None if inputs.motion is None else _motion_maps(maps, inputs.motion_given),
            audio=None if inputs.audio is None else self.audio_projection(inputs.audio),
            speed=None if inputs.speed is None else self.speed_encoder(inputs.speed),
        )

    def denoise(self, noisy: Tensor, timesteps: Tensor, conditions: Conditions) -> Tensor:
        """Return the noise in `noisy` (B, F, C, h, w) at `timesteps` (B,)."""
        located = noisy + conditions.face[:, None]
        with self._slot.holding(conditions):
            change: Tensor = self.backbone(located.transpose(1, 2), timesteps, encoder_hidden_states=None).sample
        predicted: Tensor = self.output(change.transpose(1, 2), noisy, timesteps, conditions.portrait)
        return predicted


def _motion_maps(maps: dict[str, Tensor], given: Tensor | None) -> dict[str, Tensor]:
    """Drop the reference's own maps, and put zeros where a clip is its video's first (EMO, section 3.2)."""
    motion = {name: found[:, 1:] for name, found in maps.items()}
    if given is None:
        return motion
    return {name: found * given.to(found.dtype)[:, None, None, None, None] for name, found in motion.items()}


def add_emo_layers(
    backbone: UNetMotionModel, *, slot: ConditionSlot, audio_channels: int, speed_channels: int
) -> list[str]:
    """Put EMO's layers into a diffusers backbone, in place, and return the names of its temporal modules."""
    for name in transformer_block_names(backbone):
        block = backbone.get_submodule(name)
        backbone.set_submodule(name, SpatialBlock(block, name=name, slot=slot, audio_channels=audio_channels))
    temporal = [name for name, _ in backbone.named_modules() if name.split(".")[-2:-1] == ["motion_modules"]]
    for name in temporal:
        module = backbone.get_submodule(name)
        backbone.set_submodule(name, TemporalModule(module, name=name, slot=slot, speed_channels=speed_channels))
    return temporal
