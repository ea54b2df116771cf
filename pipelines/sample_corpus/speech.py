"""Speech whose words are known, made offline by espeak-ng, and the mouth movement that goes with it.

espeak-ng and its voices come inside the package `espeakng-loader`, which is GPL: it is in the extra `demo` only, and
nothing but the sample corpus uses it.
"""

import importlib.util
import json
import subprocess
import sys
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.signal import butter, resample_poly, sosfiltfilt

from curate.errors import EmoforgeError

SAMPLE_RATE_HZ = 16_000
PEAK = 0.7
SHUT_BELOW = 0.06  # part of the loud level under which the mouth is shut
SPEAKING_TAKES_S = 60.0


@dataclass(frozen=True, kw_only=True)
class Voice:
    """A voice of espeak-ng: a language and a variant ("en-us+f2"), pitch in 0..99, and words a minute."""

    voice: str
    pitch: int = 50
    speed_wpm: int = 150


@dataclass(frozen=True, kw_only=True)
class MouthMotion:
    """One value a video frame: `aperture` 0 (shut) .. 1 (wide open), `spread` -1 (round) .. 1 (wide)."""

    aperture: NDArray[np.float32]
    spread: NDArray[np.float32]


def speak(text: str, voice: Voice) -> NDArray[np.float32]:
    """Speak `text`: (n,) mono float32 at 16 kHz, peak 0.7. The same words and voice give the same samples.

    Raises EmoforgeError if the extra `demo` is not installed or the voice is not one of espeak-ng's.
    """
    if importlib.util.find_spec("espeakng_loader") is None:
        raise EmoforgeError(
            "The sample corpus needs espeak-ng for its speech (package espeakng-loader, GPL, not a part of emoforge). "
            "Install it with: pip install 'emoforge[demo]'"
        )
    command = [sys.executable, "-m", "pipelines.sample_corpus.espeak"]
    request = json.dumps({"text": text} | asdict(voice)).encode()
    ended = subprocess.run(command, input=request, capture_output=True, timeout=SPEAKING_TAKES_S, check=False)  # noqa: S603 - constant
    if ended.returncode != 0 or len(ended.stdout) <= 4:
        why = ended.stderr.decode(errors="replace").strip().splitlines() or [f"it ended with {ended.returncode}"]
        raise EmoforgeError(f"espeak-ng did not speak: {why[-1]}")
    rate_hz = int(np.frombuffer(ended.stdout[:4], "<u4")[0])
    return _to_peak(np.frombuffer(ended.stdout[4:], "<i2"), rate_hz)


def mouth_motion(samples: NDArray[np.float32], *, n_frames: int, fps: int) -> MouthMotion:
    """Move a mouth to (n,) samples at 16 kHz: open with the envelope, round on dark vowels, wide on bright ones."""
    times = np.arange(n_frames) / fps
    low = _level_at(_band(samples, 200.0, 900.0), times)
    high = _level_at(_band(samples, 1500.0, 3500.0), times)
    level = _level_at(_band(samples, 150.0, 4000.0), times)
    opening = np.clip((level / (np.percentile(level, 97) + 1e-6) - SHUT_BELOW) / (1.0 - SHUT_BELOW), 0.0, 1.0) ** 0.7
    voiced = opening > 0.2
    brightness_db = _decibel(high) - _decibel(low)
    usual_db = float(np.median(brightness_db[voiced])) if voiced.any() else 0.0
    spread = np.clip((brightness_db - usual_db) / 12.0, -1.0, 1.0) * np.minimum(1.0, 4.0 * opening)
    return MouthMotion(
        aperture=opening.astype(np.float32),
        spread=_smooth(spread).astype(np.float32),
    )


def _to_peak(samples: NDArray[np.int16], rate_hz: int) -> NDArray[np.float32]:
    divisor = int(np.gcd(SAMPLE_RATE_HZ, rate_hz))
    resampled = resample_poly(samples.astype(np.float64), SAMPLE_RATE_HZ // divisor, rate_hz // divisor)
    return np.asarray(PEAK * resampled / max(1.0, float(np.abs(resampled).max())), dtype=np.float32)


def _band(samples: NDArray[np.float32], low_hz: float, high_hz: float) -> NDArray[np.float64]:
    sections = butter(2, (low_hz, high_hz), btype="bandpass", fs=SAMPLE_RATE_HZ, output="sos")
    return np.asarray(sosfiltfilt(sections, samples), dtype=np.float64)


def _level_at(
    samples: NDArray[np.float64], times_s: NDArray[np.float64], window_s: float = 0.08
) -> NDArray[np.float64]:
    """Root mean square of `samples` in a window centred on each of `times_s`."""
    energy = np.concatenate([[0.0], np.cumsum(samples**2)])
    half = round(window_s * SAMPLE_RATE_HZ / 2)
    centre = np.round(times_s * SAMPLE_RATE_HZ).astype(int)
    start, end = (np.clip(centre + side, 0, samples.size) for side in (-half, half))
    return np.asarray(np.sqrt((energy[end] - energy[start]) / (2 * half)), dtype=np.float64)


def _decibel(level: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(20.0 * np.log10(level + 1e-5), dtype=np.float64)


def _smooth(series: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.convolve(series, [0.25, 0.5, 0.25], mode="same")
