"""Approximates what YouTube delivers as VP9 with Opus."""

from collections.abc import Mapping

from evaluate.detection.delivery import Delivery, delivered
from evaluate.detection.detector import Medium
from evaluate.detection.recording import Recording

SEVERITIES: Mapping[str, Delivery] = {
    "720p": Delivery(
        video="libvpx-vp9", width=1280, height=720, bit_rate=1_024_000, sound="libopus", sound_bit_rate=125_000
    ),
    "480p": Delivery(
        video="libvpx-vp9", width=640, height=480, bit_rate=512_000, sound="libopus", sound_bit_rate=125_000
    ),
    "360p": Delivery(
        video="libvpx-vp9", width=640, height=360, bit_rate=276_000, sound="libopus", sound_bit_rate=63_000
    ),
}
CHANGES: tuple[Medium, ...] = ("picture", "sound")
SOURCE = (
    "Pictures: the target bit rates for video on demand that Google suggests for VP9 "
    "(developers.google.com/media/vp9/settings; 480p: its lower one), which are not said to be YouTube's own. "
    "Sound: the Opus formats 251 and 250 of a listing in github.com/yt-dlp/yt-dlp/issues/6343."
)


def social_youtube(recording: Recording, level: Delivery) -> Recording:
    """An approximation: the service's encoder, its rate control and its speed are not public, and a video's bits depend
    on what it shows."""
    return delivered(recording, level)
