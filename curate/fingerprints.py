"""Fingerprints of a clip's picture and sound that outlive re-encoding, scaling, gain and small shifts of the crop.

Both are rows of 32-bit words at a fixed cadence, so that two clips can be compared at every shift in time:

* picture, 5 a second, 64 bits: signs of low DCT coefficients of the picture (upper word: how it looks) and of its
  change over 0.4 s (lower word: how it moves). Talking heads of one scene look alike at all times and move alike at
  none: the look finds candidates, the movement tells a copy from another part of the same video.
* sound, 15.6 a second, 32 bits: signs of how energy differences of neighbouring bands change over 0.26 s, after
  Haitsma and Kalker, A Highly Robust Audio Fingerprinting System, ISMIR 2002; longer windows bear a lower cadence.

Where nothing moves, shows or sounds, the word is 0 and counts as no evidence: what still pictures and silence share
is codec noise. Shares of bits that differ, medians over 35 clips at the best shift with 2 s or more in common: an
off-grid trim scaled to 160 px at crf 34 has 0.17 in movement, with the crop shifted by 5 % 0.20 (at most 0.28 unless
hardly anything moves), two unrelated clips at least 0.34; a trim through 32 kb/s AAC has 0.09 in sound (at most
0.12), unrelated sound at least 0.40.
"""

from collections import deque
from collections.abc import Iterable
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

HASH_EVERY_FRAMES = 5
FRAME_HASH_S = HASH_EVERY_FRAMES / 25
CHANGE_HASHES = 2  # a change is measured over this many hashes
SMALL_PX = 32
STILL_LEVELS = 1.0  # a mean change below this many of 255 grey levels is codec noise
FLAT_LEVELS = 4.0  # so is the look of a picture that varies by less (black, a fade)

SOUND_RATE_HZ = 16_000
WINDOW, HOP = 8192, 1024  # samples: 0.51 s and 0.064 s
AUDIO_WORD_S = HOP / SOUND_RATE_HZ
CHANGE_WINDOWS = 4
BANDS_HZ = (300.0, 3000.0)  # what telephone, AAC and music beds all leave
SILENCE_DB = -45.0  # below the clip's loudest window
SILENCE_POWER = 1e-7  # and in any case what lies below about -70 dB of full scale

# the 32 lowest coefficients of an 8 x 8 corner without the mean, lowest first; the first one is odd across the width
_COEFFICIENTS = sorted(((i, j) for i in range(8) for j in range(8) if i + j), key=lambda ij: (sum(ij), ij[0]))[:32]
_ROWS, _COLUMNS = (np.array(axis) for axis in zip(*_COEFFICIENTS, strict=True))
_BITS = (1 << np.arange(31, -1, -1)).astype(np.uint64)
MIRROR_BITS = int((_COLUMNS % 2).astype(np.uint64) @ _BITS)  # mirroring turns the sign of what is odd across the width
LEFT_RIGHT_BIT = 1 << 31  # the lowest of them


class FrameHasher:
    """Hashes a clip's frames as they pass: feed every frame in order, then read `hashes`."""

    def __init__(self) -> None:
        self.hashes: list[int] = []
        self._earlier: deque[NDArray[np.float32]] = deque(maxlen=CHANGE_HASHES)

    def feed(self, index: int, picture: NDArray[np.uint8]) -> None:
        """Take frame `index` (at 25 fps), an (H, W, 3) RGB crop; only every fifth is looked at (0.3 ms at 512 px)."""
        if index % HASH_EVERY_FRAMES:
            return
        small = cv2.resize(picture, (SMALL_PX, SMALL_PX), interpolation=cv2.INTER_AREA)
        grey = np.asarray(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY), np.float32)
        look = _signs(grey) if grey.std() >= FLAT_LEVELS else 0
        self.hashes.append(_signed(look << 32 | self._movement(grey)))
        self._earlier.append(grey)

    def _movement(self, grey: NDArray[np.float32]) -> int:
        if len(self._earlier) < CHANGE_HASHES:
            return 0
        change = grey - self._earlier[0]
        return _signs(change) if float(np.abs(change).mean()) >= STILL_LEVELS else 0


def frame_hashes(pictures: Iterable[NDArray[np.uint8]]) -> list[int]:
    """Return the signed 64-bit hashes of all frames of a clip at 25 fps, one for every fifth; see `FrameHasher`."""
    hasher = FrameHasher()
    for index, picture in enumerate(pictures):
        hasher.feed(index, picture)
    return hasher.hashes


def audio_fingerprint(samples: NDArray[np.float32]) -> list[int]:
    """Return the signed 32-bit words of (n,) mono samples at 16 kHz; none for less than 0.8 s."""
    n_windows = (len(samples) - WINDOW) // HOP + 1
    if n_windows <= CHANGE_WINDOWS:
        return []
    windows = np.lib.stride_tricks.sliding_window_view(samples, WINDOW)[::HOP]
    power = np.abs(np.fft.rfft(windows * np.hanning(WINDOW).astype(np.float32), axis=1)) ** 2 / WINDOW**2
    energy = power.astype(np.float64) @ _bands()
    slope = np.diff(np.log(energy + 1e-20), axis=1)
    bits = slope[CHANGE_WINDOWS:] > slope[:-CHANGE_WINDOWS]
    words = bits.astype(np.uint64) @ _BITS
    total = energy.sum(axis=1)[CHANGE_WINDOWS // 2 : -CHANGE_WINDOWS // 2]
    floor = max(SILENCE_POWER, float(total.max()) * 10 ** (SILENCE_DB / 10))
    sounding = np.where(total >= floor, words, 0).astype(np.uint32)
    return [int(word) for word in sounding.view(np.int32)]


def _signs(picture: NDArray[np.float32]) -> int:
    coefficients = np.asarray(cv2.dct(picture))[_ROWS, _COLUMNS]
    return int((coefficients > 0).astype(np.uint64) @ _BITS)


def _signed(word: int) -> int:
    return word - (1 << 64) if word >> 63 else word


@cache
def _bands() -> NDArray[np.float64]:
    """Return the (WINDOW // 2 + 1, 33) membership of each frequency in its band, spaced by equal ratios."""
    edges = np.geomspace(*BANDS_HZ, 34)
    frequencies = np.fft.rfftfreq(WINDOW, 1 / SOUND_RATE_HZ)[:, None]
    return ((frequencies >= edges[:-1]) & (frequencies < edges[1:])).astype(np.float64)
