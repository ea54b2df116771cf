"""Audio-visual offset by ridge regression: what the lips should do by the sound, against what they do, over lags.

On a common 50 Hz clock, 26 log mel bands with 200 ms of context either way predict two lengths of the face mesh (the
mouth's aperture and width); the lag at which prediction and lips agree best is the offset. The margin by which it is
best, the height of the peak and the clip's length say how sure that is, by a logistic regression on clips whose sound
was shifted by known amounts. Three kilobytes of coefficients, no network; `emoforge fit-sync` fits them on any corpus.
"""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from curate import weights
from curate.errors import WeightsError

CLOCK_HZ = 50
RATE_HZ = 16_000
MAX_LAG_S = 0.8
CONTEXT = 10  # frames of the clock either way: 200 ms
BANDS, LOWEST_HZ, HIGHEST_HZ = 26, 100.0, 7000.0
WINDOW, FFT = 400, 512  # samples: 25 ms
FLOOR = 12.0  # in natural logarithms below the loudest band, 52 dB: what lies deeper is noise
SLOW_S = 2.0  # of the moving mean that takes head motion and loudness drift away
ELSEWHERE_S = 0.12  # a rival of the best lag lies at least so far away
CLAIM = 0.95  # say nothing below this probability of being within two frames,
MIN_CLAIM_S = 4.0  # nor of a clip shorter than this: of 3 s, what was claimed was right in 91 % only
MIN_DURATION_S = 2.0
FILE = "sync_ridge.npz"

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, eq=False)
class SyncModel:
    """`coefficients` (546, 2) from mel context to lip shape; `calibration` (4,) logistic weights of peak, margin,
    logarithm of seconds, and 1, for the probability that the best lag is within two frames of the truth."""

    coefficients: Floats
    calibration: Floats


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """`lag_s`: the best lag, above 0 where the sound comes late; `confidence`: the probability that it is within 80 ms
    of the truth; `peak`: the correlation there, -1 to 1; `margin`: by how much it beats every lag 120 ms away."""

    lag_s: float
    confidence: float
    peak: float
    margin: float


def estimate(model: SyncModel, lips: Floats, audio: NDArray[np.float32]) -> Estimate:
    """Find the lag between (n, 2) lip shape at 50 Hz and the sound, which begins and ends MAX_LAG_S further out."""
    curve = lag_curve(model.coefficients, lips, audio)
    peak, margin, lag_s = read_curve(curve)
    features = np.array([peak, margin, np.log(len(lips) / CLOCK_HZ), 1.0])
    confidence = float(1 / (1 + np.exp(-features @ model.calibration)))
    return Estimate(lag_s=lag_s, confidence=confidence, peak=peak, margin=margin)


def lag_curve(coefficients: Floats, lips: Floats, audio: NDArray[np.float32]) -> Floats:
    """Return (81,) correlations of predicted with seen lip shape at lags of -0.8 to 0.8 s, mean of the two numbers
    weighted by how much the prediction moves."""
    n, reach = len(lips), round(MAX_LAG_S * CLOCK_HZ)
    predicted = _without_drift(mel_context(audio, n + 2 * reach) @ coefficients)
    seen = normalised(lips)
    seen = (seen - seen.mean(axis=0)) / (np.linalg.norm(seen - seen.mean(axis=0), axis=0) + 1e-9)
    shares = predicted.std(axis=0) / (predicted.std(axis=0).sum() + 1e-9)
    windows = np.lib.stride_tricks.sliding_window_view(predicted, n, axis=0)  # (81, 2, n)
    products = np.einsum("lkn,nk->lk", windows, seen)
    spread = np.sqrt(np.maximum((windows**2).sum(axis=2) - windows.sum(axis=2) ** 2 / n, 1e-9))
    return np.asarray((products / spread) @ shares)


def read_curve(curve: Floats) -> tuple[float, float, float]:
    """Return (peak, margin, lag in s) of a lag curve."""
    best = int(np.argmax(curve))
    lags_s = (np.arange(len(curve)) - len(curve) // 2) / CLOCK_HZ
    elsewhere = np.abs(lags_s - lags_s[best]) > ELSEWHERE_S
    return float(curve[best]), float(curve[best] - curve[elsewhere].max()), float(lags_s[best])


def lip_shape(mouth_aperture: NDArray[np.float32], mouth_width: NDArray[np.float32], fps: int) -> Floats:
    """Return (n, 2) aperture and width of a track on the 50 Hz clock, from its first to its last frame."""
    frames_s = np.arange(len(mouth_aperture)) / fps
    clock_s = np.arange(round(frames_s[-1] * CLOCK_HZ) + 1) / CLOCK_HZ
    return np.stack([np.interp(clock_s, frames_s, series) for series in (mouth_aperture, mouth_width)], axis=1)


def mel_context(audio: NDArray[np.float32], n: int) -> Floats:
    """Return (n, 546): at each tick of the clock from the first sample on, 21 neighbouring frames of 26 log mel bands,
    without drift and to unit variance."""
    bands = normalised(_log_mel(audio, n))
    padded = np.pad(bands, ((CONTEXT, CONTEXT), (0, 0)), mode="edge")
    return np.concatenate([padded[i : i + n] for i in range(2 * CONTEXT + 1)], axis=1)


def normalised(series: Floats) -> Floats:
    """Take the slow drift from (n, k) series at 50 Hz and bring each to unit variance."""
    fast = _without_drift(series)
    return np.asarray(fast / (fast.std(axis=0) + 1e-6))


def load_model(file: Path) -> SyncModel:
    """Read a fitted model; WeightsError when the file is none."""
    try:
        with np.load(file, allow_pickle=False) as stored:
            model = SyncModel(
                coefficients=stored["coefficients"].astype(np.float64),
                calibration=stored["calibration"].astype(np.float64),
            )
    except (OSError, ValueError, KeyError, EOFError) as error:
        raise WeightsError(f"{file} is not a fitted sync model: {error}; make one with: emoforge fit-sync") from error
    shapes = (model.coefficients.shape, model.calibration.shape)
    if shapes != (((2 * CONTEXT + 1) * BANDS, 2), (4,)) or not np.isfinite(model.coefficients).all():
        raise WeightsError(f"{file} is not a fitted sync model: its arrays are {shapes}")
    return model


def save_model(model: SyncModel, file: Path) -> None:
    """Write a model as half-precision coefficients, which move no estimate."""
    with file.open("wb") as opened:
        np.savez(
            opened,
            coefficients=model.coefficients.astype(np.float16),
            calibration=model.calibration.astype(np.float32),
        )


def claimed(confidence: float, duration_s: float) -> bool:
    """Whether an estimate of this confidence, from this much of a clip, is to be acted on."""
    return confidence >= CLAIM and duration_s >= MIN_CLAIM_S


@cache
def model_in_use() -> tuple[SyncModel, Path]:
    """Return the user's own model, FILE in a folder of EMOFORGE_WEIGHTS, or else the one that ships; and its file."""
    own = (folder / FILE for folder in weights.folders()[0])
    file = next((path for path in own if path.is_file()), Path(__file__).with_name(FILE))
    return load_model(file), file


def _log_mel(audio: NDArray[np.float32], n: int) -> Floats:
    starts = np.arange(n) * (RATE_HZ // CLOCK_HZ)
    padded = np.pad(audio.astype(np.float64), (WINDOW // 2, WINDOW + max(0, int(starts[-1]) - len(audio))))
    frames = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[starts] * np.hanning(WINDOW)
    energy = np.log(np.abs(np.fft.rfft(frames, FFT)) ** 2 @ _mel_bank() + 1e-8)
    return np.asarray(np.maximum(energy, energy.max() - FLOOR))


@cache
def _mel_bank() -> Floats:
    """(257, 26) triangles, equally wide in mel, from 100 to 7000 Hz."""
    ends = 2595 * np.log10(1 + np.array([LOWEST_HZ, HIGHEST_HZ]) / 700)
    edges = 700 * (10 ** (np.linspace(float(ends[0]), float(ends[1]), BANDS + 2) / 2595) - 1)
    bins = np.fft.rfftfreq(FFT, 1 / RATE_HZ)[:, None]
    rising = (bins - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - bins) / (edges[2:] - edges[1:-1])
    return np.asarray(np.maximum(0.0, np.minimum(rising, falling)))


def _without_drift(series: Floats) -> Floats:
    window = np.hanning(round(SLOW_S * CLOCK_HZ) + 2)[1:-1]
    n = len(series)
    weight = np.convolve(np.ones(n), window, mode="same")[:n]
    drift = np.stack([np.convolve(column, window, mode="same")[:n] for column in series.T], axis=1)
    return np.asarray(series - drift / weight[:, None])
