"""A made recording of a face under a slow pan and a rising tone, and measures of what became of one."""

import io

import av
import numpy as np
from numpy.typing import NDArray

from evaluate.detection.recording import Recording
from tests.conftest import pan

RATE_HZ = 16_000


def talking(portrait: NDArray[np.uint8], *, n: int = 50, size: int = 128) -> Recording:
    """Return n pictures of (size, size) px, and a tone that rises and swells, so that no two moments sound alike."""
    step = 384 // size
    frames = np.stack([window[::step, ::step] for window in pan(portrait, n)])
    time_s = np.arange(round(n / 25 * RATE_HZ)) / RATE_HZ
    swell = 0.2 + 0.2 * np.sin(2 * np.pi * 3 * time_s)
    tone = swell * np.sin(2 * np.pi * (200 * time_s + 700 * time_s**2))
    return Recording(frames=frames, samples=tone.astype(np.float32), sample_rate_hz=RATE_HZ)


def packets(file: bytes, kind: str) -> list[tuple[bytes, float, float]]:
    """Return (bytes, presentation time in s, decoding time in s) of each packet of the first stream of a kind."""
    with av.open(io.BytesIO(file), "r") as container:
        streams = [stream for stream in container.streams if stream.type == kind]
        found = [packet for stream in streams[:1] for packet in container.demux(stream) if packet.dts is not None]
        return [(bytes(p), float(p.pts * p.time_base), float(p.dts * p.time_base)) for p in found]


def psnr_db(first: NDArray[np.uint8], second: NDArray[np.uint8]) -> float:
    """Return the peak signal-to-noise ratio over all pictures together."""
    return float(10 * np.log10(255**2 / np.mean((first.astype(float) - second) ** 2)))


def snr_db(clean: NDArray[np.float32], sound: NDArray[np.float32]) -> float:
    """Return how far over what was changed a sound lies."""
    return float(10 * np.log10(np.mean(clean**2.0) / np.mean((sound.astype(float) - clean) ** 2)))


def lag(clean: NDArray[np.float32], sound: NDArray[np.float32], *, most: int = 800) -> int:
    """Return by how many samples a sound comes later, at most `most` either way."""
    middle = slice(most, len(clean) - most)
    likeness = [np.dot(clean[middle], np.roll(sound, -shift)[middle]) for shift in range(-most, most + 1)]
    return int(np.argmax(likeness)) - most
