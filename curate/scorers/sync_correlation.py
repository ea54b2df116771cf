"""Whether the mouth follows the sound: mouth aperture against the speech envelope, over lags."""

from typing import TypedDict

import numpy as np
from numpy.typing import NDArray

from curate.clip_media import ClipMedia

NEEDS_AUDIO = True
MAX_LAG_S = 0.6
IN_PLACE_S = 0.2
FLOOR_DB = -50.0  # below the loudest moment, silence is silence
SLOW_S = 2.0  # the window of the moving mean that takes head motion and loudness drift away


class SyncCorrelation(TypedDict):
    """`peak`: the best correlation over lags, in [-1, 1]; `offset_s`: its lag, above 0 where the sound comes late;
    `off`: by how much the sound fits better elsewhere, the peak less the best within 200 ms of no lag, 0 to 2."""

    peak: float | None
    offset_s: float | None
    off: float | None


def sync_correlation(media: ClipMedia) -> SyncCorrelation:
    """Correlate the mouth's aperture with the log envelope of the sound, at lags of one frame up to 0.6 s either way.

    A high peak is sure; the lag of a low one says little, which is why `off` is what tells sound that is out of sync.
    None without sound, with silence, or with less than two seconds.
    """
    envelope = None if media.audio is None else speech_envelope_db(media.audio, n_frames=len(media.track))
    if envelope is None or media.duration_s < SLOW_S or np.ptp(envelope) < 6.0:
        return {"peak": None, "offset_s": None, "off": None}
    mouth = _without_drift(media.track.mouth_aperture.astype(np.float64), media.fps)
    sound = _without_drift(envelope, media.fps)
    lags = range(-round(MAX_LAG_S * media.fps), round(MAX_LAG_S * media.fps) + 1)
    correlations = [_correlation_at(mouth, sound, lag) for lag in lags]
    best = int(np.argmax(correlations))
    in_place = max(c for lag, c in zip(lags, correlations, strict=True) if abs(lag) <= IN_PLACE_S * media.fps)
    return {"peak": correlations[best], "offset_s": lags[best] / media.fps, "off": correlations[best] - in_place}


def speech_envelope_db(audio: NDArray[np.float32], *, n_frames: int) -> NDArray[np.float64]:
    """Return (n_frames,) loudness of (n,) samples in dB below the loudest frame, no lower than -50."""
    edges = np.linspace(0, len(audio), n_frames + 1).round().astype(int)
    power = np.add.reduceat(np.append(audio.astype(np.float64) ** 2, 0.0), edges[:-1]) / np.maximum(np.diff(edges), 1)
    level = 10 * np.log10(power + 1e-10)
    return np.asarray(np.maximum(level - level.max(), FLOOR_DB))


def _without_drift(series: NDArray[np.float64], fps: int) -> NDArray[np.float64]:
    window = np.hanning(round(SLOW_S * fps) + 2)[1:-1]
    weight = np.convolve(np.ones_like(series), window, mode="same")
    drift = np.convolve(series, window, mode="same")[: len(series)] / weight[: len(series)]
    return np.asarray(series - drift)


def _correlation_at(mouth: NDArray[np.float64], sound: NDArray[np.float64], lag: int) -> float:
    """Pearson's correlation where the sound is `lag` frames late."""
    n = len(mouth) - abs(lag)
    first, second = mouth[max(-lag, 0) :][:n], sound[max(lag, 0) :][:n]
    if n < 2 or first.std() < 1e-9 or second.std() < 1e-9:
        return 0.0
    return float(np.corrcoef(first, second)[0, 1])
