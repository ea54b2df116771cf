"""The EMO model: backbone, ReferenceNet and the small encoders, as one denoiser."""

from collections.abc import Mapping

from diffusers import UNetMotionModel
from torch import Tensor, nn

from train.models.audio_projection import AudioProjection
from train.models.codecs import Latents, Speech
from train.models.conditions import Conditions, ConditionSlot, Inputs, PortraitMaps
from train.models.face_locator import FaceLocator
from train.models.patch_output import PatchOutput, PlainOutput
from train.models.recompute import recompute_resnets
from train.models.reference_net import ReferenceBlock, ReferenceNet, transformer_block_names
from train.models.spatial import SpatialBlock
from train.models.speed_encoder import SpeedEncoder
from train.models.temporal import TemporalModule
from train.noise_schedule import Schedule

CODECS = ("latents.", "speech.")  # what turns pictures and sound into numbers: never trained, never saved


class EmoModel(nn.Module):
    """Predict the noise in a clip's latents (or v) from a portrait, a voice, a face region and a head speed.

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
        latents: Latents,
        speech: Speech,
        output: PatchOutput | PlainOutput,
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

    @property
    def codecs(self) -> dict[str, str]:
        """Which codecs, with which weights, this model's latents and features are of; others mean nothing to it."""
        return {"latents": self.latents.name, "speech": self.speech.name}

    def enable_gradient_checkpointing(self) -> None:
        """Keep no block's inner results for the backward pass: less memory, about a third more time."""
        for unet in (self.backbone, self.reference_net.unet):
            unet.enable_gradient_checkpointing(recompute_resnets)
        for module in self.modules():
            if isinstance(module, SpatialBlock | TemporalModule | ReferenceBlock):
                module.recomputes = True

    def own_state(self) -> dict[str, Tensor]:
        """Return what a checkpoint holds, by name: all but the frozen codecs `latents` and `speech`."""
        return {name: value for name, value in self.state_dict().items() if not name.startswith(CODECS)}

    def load_own_state(self, state: Mapping[str, Tensor]) -> None:
        """Put back what `own_state` gave; KeyError or RuntimeError when it is of another model."""
        codecs = {name: value for name, value in self.state_dict().items() if name.startswith(CODECS)}
        self.load_state_dict({**codecs, **state})

    def forward(self, noisy: Tensor, timesteps: Tensor, inputs: Inputs) -> Tensor:
        """Return the prediction for `noisy` (B, F, C, h, w) at `timesteps` (B,), encoding `inputs` first."""
        return self.denoise(noisy, timesteps, self.encode(inputs))

    def encode(self, inputs: Inputs, *, portrait: PortraitMaps | None = None) -> Conditions:
        """Encode the conditions of a clip: once, however many denoising steps follow.

        With `portrait` (of `encode_portrait`) the reference is not encoded again: clips of one video share it.
        """
        portrait = portrait or self.encode_portrait(inputs.reference)
        return Conditions(
            portrait=portrait.latents,
            reference=portrait.tokens,
            face=self.face_locator(inputs.face_mask),
            motion=None if inputs.motion is None else self._motion_maps(inputs.motion, inputs.motion_given),
            audio=None if inputs.audio is None else self.audio_projection(inputs.audio),
            speed=None if inputs.speed is None else self.speed_encoder(inputs.speed),
        )

    def encode_portrait(self, reference: Tensor) -> PortraitMaps:
        """Encode the latents (B, C, h, w) of reference portraits; zeros are "no portrait"."""
        tokens, _ = self.reference_net(reference[:, None])
        return PortraitMaps(latents=reference, tokens={name: found[:, 0] for name, found in tokens.items()})

    def _motion_maps(self, motion: Tensor, given: Tensor | None) -> dict[str, Tensor]:
        """Encode (B, n, C, h, w) motion frames, with zeros where a clip is its video's first (EMO, section 3.2)."""
        _, maps = self.reference_net(motion)
        if given is None:
            return dict(maps)
        return {name: found * given.to(found.dtype)[:, None, None, None, None] for name, found in maps.items()}

    def denoise(self, noisy: Tensor, timesteps: Tensor, conditions: Conditions) -> Tensor:
        """Return what the schedule asks for (noise, or v) of `noisy` (B, F, C, h, w) at `timesteps` (B,)."""
        located = noisy + conditions.face[:, None]
        with self._slot.holding(conditions):
            change: Tensor = self.backbone(located.transpose(1, 2), timesteps, encoder_hidden_states=None).sample
        predicted: Tensor = self.output(change.transpose(1, 2), noisy, timesteps, conditions.portrait)
        return predicted


def add_emo_layers(
    backbone: UNetMotionModel, *, slot: ConditionSlot, audio_channels: int, speed_channels: int, places: bool
) -> list[str]:
    """Put EMO's layers into a diffusers backbone, in place, and return the names of its temporal modules."""
    for name in transformer_block_names(backbone):
        block = backbone.get_submodule(name)
        spatial = SpatialBlock(block, name=name, slot=slot, audio_channels=audio_channels, places=places)
        backbone.set_submodule(name, spatial)
    temporal = [name for name, _ in backbone.named_modules() if name.split(".")[-2:-1] == ["motion_modules"]]
    for name in temporal:
        module = backbone.get_submodule(name)
        backbone.set_submodule(name, TemporalModule(module, name=name, slot=slot, speed_channels=speed_channels))
    return temporal
