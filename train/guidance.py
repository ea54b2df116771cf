"""Classifier-free guidance with a strength each for the portrait and the voice."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from train.models.conditions import Conditions, Inputs, PortraitMaps, stack_conditions
from train.models.emo import EmoModel
from train.schedulers import Denoiser


@dataclass(frozen=True, kw_only=True)
class Pass:
    """One prediction of the model: which conditions it is shown, and its share in the guided one."""

    weight: float
    has_reference: bool
    has_audio: bool


def passes(*, audio: float, reference: float) -> tuple[Pass, ...]:
    """Return the predictions that guidance at these scales needs: only one where both are 1, which is no guidance.

    e(0, 0) + reference (e(ref, 0) - e(0, 0)) + audio (e(ref, audio) - e(ref, 0)), sorted by prediction; the order of
    InstructPix2Pix (arXiv 2211.09800, eq. 3), whose text is our voice and whose image our portrait.
    """
    shares = ((1 - reference, False, False), (reference - audio, True, False), (audio, True, True))
    return tuple(
        Pass(weight=weight, has_reference=has_reference, has_audio=has_audio)
        for weight, has_reference, has_audio in shares
        if weight
    )


def encode_passes(
    model: EmoModel, needed: Sequence[Pass], inputs: Inputs, *, portrait: PortraitMaps, nobody: PortraitMaps
) -> list[Conditions]:
    """Return what each pass is shown of a clip's inputs: `nobody` (the maps of no portrait) for `portrait`, and the
    tokens of no features for the voice, as training's dropout has it."""
    given = model.encode(inputs, portrait=portrait)
    shown = []
    for one in needed:
        conditions = given
        if not one.has_reference:
            conditions = replace(conditions, portrait=nobody.latents, reference=nobody.tokens)
        if not one.has_audio and inputs.audio is not None:
            conditions = replace(conditions, audio=model.audio_projection(torch.zeros_like(inputs.audio)))
        shown.append(conditions)
    return shown


def guided(model: EmoModel, needed: Sequence[Pass], shown: Sequence[Conditions]) -> Denoiser:
    """Return the guided denoiser, which makes all of its passes in one call of the model."""
    stacked = stack_conditions(shown)
    count = len(needed)

    def denoise(latents: Tensor, timesteps: Tensor) -> Tensor:
        predicted = model.denoise(torch.cat([latents] * count), timesteps.repeat(count), stacked)
        return sum_of(needed, predicted.chunk(count))

    return denoise


def sum_of(needed: Sequence[Pass], predicted: Sequence[Tensor]) -> Tensor:
    """Return the guided prediction from those of the passes."""
    total = needed[0].weight * predicted[0]
    for one, part in zip(needed[1:], predicted[1:], strict=True):
        total = total + one.weight * part
    return total
