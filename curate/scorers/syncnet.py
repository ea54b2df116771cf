"""Whether lips and sound agree, by SyncNet."""

from functools import cache
from typing import TYPE_CHECKING, TypedDict

from curate import weights
from curate.clip_media import ClipMedia

if TYPE_CHECKING:  # torch takes a second to import, which only those who run the network should wait for
    from curate.syncnet import SyncNet

WEIGHTS = ("syncnet_v2",)
MIN_FRAMES = 50  # 2 s; LatentSync and syncnet-python draw the line there, the original at 100


class SyncNetAgreement(TypedDict):
    """`reference_*` are the numbers that papers print. `reference_offset_frames`: -15 to 15, in the original's sign,
    above 0 where the sound comes early; `reference_distance`: LSE-D, about 6 (in sync) to 14, lower is better;
    `reference_confidence`: LSE-C, 0 to about 10, higher is surer.

    The others are of the windows alone that need no zero padding, which pulls a short clip's numbers about:
    `offset_s`: -0.6 to 0.6, above 0 where the sound comes late (the other sign, that of sync_correlation), `distance`
    and `confidence`."""

    reference_offset_frames: float | None
    reference_distance: float | None
    reference_confidence: float | None
    offset_s: float | None
    distance: float | None
    confidence: float | None


def syncnet(media: ClipMedia) -> SyncNetAgreement:
    """Compare lips and sound at shifts of one frame up to 15 either way; None without sound or under 2 s.

    Source: Chung & Zisserman 2016, joonson/syncnet_python (crop, MFCC, windows, shifts and padding as there).
    WeightsError without syncnet_v2.model. About 1 s a second of clip on one core.
    """
    if media.audio is None or len(media.track) < MIN_FRAMES:
        return {
            "reference_offset_frames": None, "reference_distance": None, "reference_confidence": None,
            "offset_s": None, "distance": None, "confidence": None,
        }  # fmt: skip
    from curate.one_thread import one_thread
    from curate.syncnet import agreement, embed, shifted_distances, unpadded

    with one_thread():
        distances = shifted_distances(*embed(_network(), media.face_crops, media.audio))
    padded, valid = agreement(distances), agreement(unpadded(distances))
    return {
        "reference_offset_frames": float(-padded.late_frames),
        "reference_distance": padded.distance,
        "reference_confidence": padded.confidence,
        "offset_s": valid.late_frames / media.fps,
        "distance": valid.distance,
        "confidence": valid.confidence,
    }


@cache
def _network() -> "SyncNet":
    import torch

    from curate.syncnet import build_syncnet

    return build_syncnet(torch.load(weights.path(WEIGHTS[0]), map_location="cpu", weights_only=True))
