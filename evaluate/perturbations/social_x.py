"""Approximates what X (Twitter) delivers as H.264."""

from collections.abc import Mapping

from evaluate.detection.delivery import Delivery, delivered
from evaluate.detection.detector import Medium
from evaluate.detection.recording import Recording

SEVERITIES: Mapping[str, Delivery] = {
    "720p": Delivery(video="libx264", width=1280, height=720, bit_rate=1_084_000),
    "480p": Delivery(video="libx264", width=480, height=852, bit_rate=950_000),
    "320p": Delivery(video="libx264", width=320, height=568, bit_rate=287_000),
}
CHANGES: tuple[Medium, ...] = ("picture",)
SOURCE = (
    "Bit rates of single videos as X listed them: 1280x720 in github.com/yt-dlp/yt-dlp/issues/15518, 480x852 and "
    "320x568 in github.com/yt-dlp/yt-dlp/issues/11237; taken at 30 fps."
)


def social_x(recording: Recording, level: Delivery) -> Recording:
    """An approximation from what was listed for two videos: another gets other bits, and the encoder's settings are not
    public. The sound is left alone, since its bit rate isn't listed."""
    return delivered(recording, level)
