"""What anybody can tell of a video without looking for traces of generation: length, size, bits, sound, captions.

If one of these tells fakes from real clips, a detector may have learned no more than that.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from curate import text_detection
from curate.container_facts import ContainerFacts, container_facts
from curate.errors import MediaError
from curate.media import audio_format, probe, read_audio
from evaluate.observation import Picture, choose_pictures

WEIGHTS = (text_detection.WEIGHTS,)
PICTURES, SOUND_S = 16, 30.0
TEXT_PX = 320
CORNER = 1 / 6  # of the shorter side: where insets, logos and captions are put
STILL_LEVELS = 2.5  # a pixel whose values differ by less stands still; a codec's rounding stays under it
SILENCE_DB = -50.0
FRAME_S = 0.02

CATEGORIES = ("container", "video_codec", "audio_codec")  # features that are words

Samples = NDArray[np.float32]
Grey = NDArray[np.float32]


def trivial_features(media: Path | bytes) -> dict[str, float | str]:
    """Name -> number, or word for those in CATEGORIES; a number that the video can't give is nan.

    Sizes in px, times in s, rates in Hz or frames a second, `bit_rate` in bit/s, `loudness_db` below full scale,
    `mean_luma` and `saturation` in 0 to 255; the rest are shares or ratios. Raises MediaError for what can't be read.
    """
    facts = container_facts(media)
    pictures = choose_pictures(media, max_frames=PICTURES)
    duration_s = probe(media).duration_s or float("nan")
    height, width = pictures[0].image.shape[:2]
    return {
        **_file(facts, duration_s=duration_s, pixels=height * width),
        "width": float(width),
        "height": float(height),
        **_look(pictures),
        **_sound(media, facts, duration_s=duration_s),
    }


def _file(facts: ContainerFacts, *, duration_s: float, pixels: int) -> dict[str, float | str]:
    sizes, keys = facts.packet_bytes, np.flatnonzero(facts.is_key)
    fps = facts.fps or float("nan")
    bits = 8 * float(np.mean(sizes)) if len(sizes) else float("nan")
    others = sizes[~facts.is_key]
    return {
        "container": facts.container,
        "video_codec": facts.video_codec,
        "audio_codec": facts.audio_codec or "none",
        "duration_s": duration_s,
        "fps": fps,
        "bit_rate": bits * fps,
        "bits_per_pixel": bits / pixels,  # stands for the quantiser, which the decoder doesn't hand out
        "gop_frames": float(np.median(np.diff(keys))) if len(keys) > 1 else float(len(sizes)),
        "keyframe_weight": float(np.mean(sizes[keys]) / np.mean(others)) if len(keys) and len(others) else float("nan"),
        "full_range": float(facts.is_full_range),
        "tags": float(facts.n_tags),
        "audio_rate_hz": float(facts.audio_rate_hz or 0),
        "audio_channels": float(facts.audio_channels or 0),
    }


def _look(pictures: tuple[Picture, ...]) -> dict[str, float]:
    images = [picture.image for picture in pictures]
    greys = np.stack([np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), np.float32) for image in images])
    middle = images[len(images) // 2]
    return {
        "mean_luma": float(greys.mean()),
        "saturation": float(cv2.cvtColor(middle, cv2.COLOR_RGB2HSV)[..., 1].mean()),
        "blockiness": blockiness(greys),
        "still_corner": still_corner(greys),
        "text_area": _text_area(middle),
        "dark_border": _dark_border(greys.mean(axis=0)),
    }


def blockiness(greys: Grey) -> float:
    """How much larger steps between pixels are at multiples of 8 px than elsewhere; 1 is no blocks. (k, H, W)."""
    ratios = []
    for axis in (1, 2):
        steps = np.abs(np.diff(greys, axis=axis)).mean(axis=(0, 3 - axis))
        at_edge = np.arange(1, len(steps) + 1) % 8 == 0
        if at_edge.any() and not at_edge.all():
            ratios.append(float((steps[at_edge].mean() + 1e-6) / (steps[~at_edge].mean() + 1e-6)))
    return float(np.mean(ratios)) if ratios else float("nan")


def still_corner(greys: Grey) -> float:
    """Detail in the corner that has most of it among pixels that never change: an inset, a logo, a caption. (k, H, W).

    Mean step between neighbouring pixels, in levels; 0 where all moves. A sharp background behind a camera on a tripod
    has some too.
    """
    if len(greys) < 2:
        return float("nan")
    side = max(8, round(CORNER * min(greys.shape[1:])))
    rows, columns = (slice(None, side), slice(-side, None)), (slice(None, side), slice(-side, None))
    return max(_still_detail(greys[:, row, column]) for row in rows for column in columns)


def _still_detail(greys: Grey) -> float:
    mean, is_still = greys.mean(axis=0), greys.std(axis=0) < STILL_LEVELS
    steps = np.abs(np.diff(mean, axis=0))[:, :-1] + np.abs(np.diff(mean, axis=1))[:-1]
    return float((steps * is_still[:-1, :-1]).mean())


def _text_area(image: NDArray[np.uint8]) -> float:
    small = np.asarray(cv2.resize(image, (TEXT_PX, TEXT_PX), interpolation=cv2.INTER_AREA), np.uint8)
    return text_detection.covered(text_detection.text_boxes(small), height=TEXT_PX, width=TEXT_PX)


def _dark_border(mean: Grey) -> float:
    """Share of the picture's lines and columns that are black from end to end."""
    dark = [np.mean(mean.max(axis=axis) < 20) for axis in (0, 1)]
    return float(max(dark))


def _sound(media: Path | bytes, facts: ContainerFacts, *, duration_s: float) -> dict[str, float]:
    if facts.audio_rate_hz is None:
        return dict.fromkeys(("audio_bandwidth_hz", "loudness_db", "leading_silence_s"), float("nan"))
    rate_hz = min(audio_format(media)[0], 48_000)
    end_s = duration_s if duration_s < SOUND_S else SOUND_S  # no further: silence would be put there
    try:
        samples = read_audio(media, sample_rate_hz=rate_hz, end_s=end_s)
    except MediaError:
        samples = np.zeros(0, np.float32)
    return {
        "audio_bandwidth_hz": audio_bandwidth_hz(samples, rate_hz),
        "loudness_db": _level_db(samples),
        "leading_silence_s": leading_silence_s(samples, rate_hz),
    }


def audio_bandwidth_hz(samples: Samples, rate_hz: int) -> float:
    """The highest frequency that is heard at all: where the long-time spectrum falls 70 dB under its peak for good.

    Sound that was once at 16 kHz ends under 8 kHz, whatever rate the file has now. nan for silence.
    """
    n = 2048
    if len(samples) < n or not np.any(samples):
        return float("nan")
    windows = np.lib.stride_tricks.sliding_window_view(samples, n)[:: n // 2]
    power = np.mean(np.abs(np.fft.rfft(windows * np.hanning(n).astype(np.float32), axis=1)) ** 2, axis=0)
    heard = np.flatnonzero(power > power.max() * 1e-7)
    return float(heard[-1] * rate_hz / n)


def leading_silence_s(samples: Samples, rate_hz: int) -> float:
    """Seconds before the sound first comes within 50 dB of its loudest 20 ms; nan for silence."""
    frame = round(FRAME_S * rate_hz)
    levels = np.square(samples[: len(samples) // frame * frame]).reshape(-1, frame).mean(axis=1)
    if not len(levels) or levels.max() <= 0:
        return float("nan")
    return float(np.argmax(levels > levels.max() * 10 ** (SILENCE_DB / 10)) * FRAME_S)


def _level_db(samples: Samples) -> float:
    power = float(np.mean(np.square(samples))) if len(samples) else 0.0
    return round(20 * float(np.log10(power))) / 2 if power > 0 else float("nan")  # to half a dB: less is not heard
