"""How a service hands a video on: its size, codec and bits, brought to the face square that we look at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import cv2
import numpy as np

from evaluate.detection.recording import Coding, Recording

UPLOADED_LINES = 720  # the shorter side of the video that the face square is taken to be cut from
# Bits a pixel of the face square over those of the whole picture, coded alike: 3.8 to 4.7 for two speakers whose square
# was a third of the lines (x264, CRF 26 and 32), 1.2 to 1.7 for two who fill the picture.
FACE_DENSITY = 4.0

_FAST: Mapping[str, Mapping[str, str]] = {
    "libx264": {"preset": "veryfast"},
    "libx265": {"preset": "veryfast"},
    "libvpx-vp9": {"deadline": "realtime", "cpu-used": "8", "row-mt": "0"},
}


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """A video of `width` x `height` px at `fps` that a service delivers with `bit_rate` bit/s for its pictures; its
    stereo sound has `sound_bit_rate`, or is left as it was where that isn't known (None)."""

    video: str
    width: int
    height: int
    fps: float = 30.0
    bit_rate: int
    sound: str = "aac"
    sound_bit_rate: int | None = None


def delivered(recording: Recording, delivery: Delivery) -> Recording:
    """Return the recording as the face square of a delivered video: smaller where that has fewer lines than
    UPLOADED_LINES, and with as many bits a pixel, times FACE_DENSITY; mono sound gets half of the stereo bits.

    It stays at the smaller size, as the file does that a viewer gets.
    """
    smaller = _scaled(recording, min(1.0, min(delivery.width, delivery.height) / UPLOADED_LINES))
    bits_a_pixel = FACE_DENSITY * delivery.bit_rate / (delivery.width * delivery.height * delivery.fps)
    bit_rate = round(bits_a_pixel * smaller.frames[0, :, :, 0].size * recording.fps)
    coding = replace(recording.coding, video=delivery.video, options={"b": str(bit_rate), **_FAST[delivery.video]})
    return replace(smaller, coding=_with_sound(coding, delivery))


def _scaled(recording: Recording, scale: float) -> Recording:
    height, width = (max(2, round(side * scale / 2) * 2) for side in recording.frames.shape[1:3])
    if (height, width) == recording.frames.shape[1:3]:
        return recording
    frames = [cv2.resize(frame, (width, height), interpolation=cv2.INTER_AREA) for frame in recording.frames]
    return replace(recording, frames=np.stack(frames))


def _with_sound(coding: Coding, delivery: Delivery) -> Coding:
    if delivery.sound_bit_rate is None:
        return coding
    return replace(coding, sound=delivery.sound, sound_bit_rate=delivery.sound_bit_rate // 2)
