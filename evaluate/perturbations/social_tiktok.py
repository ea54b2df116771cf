"""Approximates what TikTok delivers as H.264 and H.265."""

from collections.abc import Mapping

from evaluate.detection.delivery import Delivery, delivered
from evaluate.detection.detector import Medium
from evaluate.detection.recording import Recording

SEVERITIES: Mapping[str, Delivery] = {
    "576p h264 detailed": Delivery(video="libx264", width=1048, height=576, bit_rate=986_000),
    "576p h264 plain": Delivery(video="libx264", width=576, height=1024, bit_rate=185_000),
    "576p h265 plain": Delivery(video="libx265", width=576, height=1024, bit_rate=93_000),
}
CHANGES: tuple[Medium, ...] = ("picture",)
SOURCE = (
    "Bit rates (with their sound) of single videos as TikTok listed them: 986 kbit/s in "
    "github.com/yt-dlp/yt-dlp/pull/9548, 185 and 93 kbit/s in github.com/yt-dlp/yt-dlp/issues/7612; taken at 30 fps."
)


def social_tiktok(recording: Recording, level: Delivery) -> Recording:
    """An approximation from what was listed for two videos of very different detail; x265 stands in for the service's
    own encoder of H.265. The sound is left alone, since its bit rate isn't listed apart."""
    return delivered(recording, level)
