"""Encodes as the Signal messenger does on Android: H.264 with AAC."""

from collections.abc import Mapping

from evaluate.detection.delivery import Delivery, delivered
from evaluate.detection.detector import Medium
from evaluate.detection.recording import Recording

SEVERITIES: Mapping[str, Delivery] = {
    "720p level 3": Delivery(video="libx264", width=1280, height=720, bit_rate=2_500_000, sound_bit_rate=128_000),
    "720p level 2": Delivery(video="libx264", width=1280, height=720, bit_rate=1_250_000, sound_bit_rate=128_000),
    "480p level 1": Delivery(video="libx264", width=854, height=480, bit_rate=1_250_000, sound_bit_rate=128_000),
}
CHANGES: tuple[Medium, ...] = ("picture", "sound")
SOURCE = (
    "VideoConstants.kt and TranscodingQuality.kt of github.com/signalapp/Signal-Android (2024): bit rates and lines of "
    "its three transcoding presets, H.264, AAC; at 30 fps."
)


def social_signal(recording: Recording, level: Delivery) -> Recording:
    """Sizes and bit rates are those of its published source; the encoder is the telephone's own, for which x264 stands
    in. Level 1 has more bits a pixel than level 2, but fewer pixels."""
    return delivered(recording, level)
