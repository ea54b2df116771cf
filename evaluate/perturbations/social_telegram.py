"""Encodes as the Telegram messenger does on Android: H.264."""

from collections.abc import Mapping

from evaluate.detection.delivery import Delivery, delivered
from evaluate.detection.detector import Medium
from evaluate.detection.recording import Recording

SEVERITIES: Mapping[str, Delivery] = {
    "720p": Delivery(video="libx264", width=1280, height=720, bit_rate=2_600_000),
    "480p": Delivery(video="libx264", width=848, height=480, bit_rate=1_000_000),
    "360p": Delivery(video="libx264", width=640, height=360, bit_rate=750_000),
}
CHANGES: tuple[Medium, ...] = ("picture",)
SOURCE = (
    "makeVideoBitrate and createCompressionSettings of github.com/DrKLO/Telegram: the most bits that each "
    "size may have, and the sizes 1280, 848 and 640 px of the longer side; at 30 fps."
)


def social_telegram(recording: Recording, level: Delivery) -> Recording:
    """Sizes and the largest bit rates are those of its published source; the encoder is the telephone's own, for which
    x264 stands in. The sound is left alone, since nothing was found on it."""
    return delivered(recording, level)
