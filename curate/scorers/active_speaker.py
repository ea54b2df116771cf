"""Whether the face in the picture is the voice in the sound, by LR-ASD."""

from functools import cache
from typing import TYPE_CHECKING, TypedDict

from curate import weights
from curate.clip_media import ClipMedia
from curate.face_crops import MIN_FRAMES

if TYPE_CHECKING:  # torch takes a second to import, which only those who run the network should wait for
    from curate.lr_asd import LrAsd

WEIGHTS = ("lr_asd_ava",)


class ActiveSpeaker(TypedDict):
    """`score`: mean logit, about -5 to 4: under -2.5 for a still face or silence, around 0 and above for a speaker;
    `speaking_ratio`: share of frames whose logit is above 0, in [0, 1]."""

    score: float | None
    speaking_ratio: float | None


def active_speaker(media: ClipMedia) -> ActiveSpeaker:
    """Ask of every frame whether this face speaks; None without sound, or under 7 frames.

    Source: LR-ASD (Liao et al. 2025; MIT), the whole clip at once, where its demo averages over cuts of 1 to 6 s. Its
    AVA weights, not those tuned on TalkSet: these call a moving mouth a speaker's even in silence (+1.8 and +2.4 on two
    clips where AVA's say -3.9 and -4.2). It is no judge of sync: sound that is 0.4 s late scores little lower.
    WeightsError without lr_asd_ava.pt.
    """
    if media.audio is None or len(media.track) < MIN_FRAMES:
        return {"score": None, "speaking_ratio": None}
    from curate.lr_asd import speaking_logits
    from curate.one_thread import one_thread

    with one_thread():
        logits = speaking_logits(_network(), media.face_crops, media.audio)
    return {"score": float(logits.mean()), "speaking_ratio": float((logits > 0).mean())}


@cache
def _network() -> "LrAsd":
    import torch

    from curate.lr_asd import build_lr_asd

    return build_lr_asd(torch.load(weights.path(WEIGHTS[0]), map_location="cpu", weights_only=True))
