"""Approximates what WhatsApp sends as H.264 with AAC."""

from collections.abc import Mapping

from evaluate.detection.delivery import Delivery, delivered
from evaluate.detection.detector import Medium
from evaluate.detection.recording import Recording

SEVERITIES: Mapping[str, Delivery] = {
    "720p": Delivery(video="libx264", width=1280, height=720, bit_rate=2_000_000, sound_bit_rate=128_000),
    "480p": Delivery(video="libx264", width=848, height=480, bit_rate=1_000_000, sound_bit_rate=128_000),
}
CHANGES: tuple[Medium, ...] = ("picture", "sound")
SOURCE = (
    "Codecs and the limit of 16 MB: the media that its interface for businesses takes "
    "(help.vtex.com/en/docs/tutorials/supported-media-sending-whatsapp-cloud). "
    "Lines: 720 for HD and 480 for standard, as reported when HD came "
    "(appmaster.io/news/whatsapp-debuts-hd-video-sharing). Bit rates: not published; assumed so that 16 MB hold one "
    "minute in HD and two in standard quality."
)


def social_whatsapp(recording: Recording, level: Delivery) -> Recording:
    """A guess more than an approximation: of its numbers only codecs and lines are documented (see SOURCE); fit it to
    uploads of your own before you lean on it."""
    return delivered(recording, level)
