"""Fits the sync model on clips that are in sync, and measures it on clips and persons that the fit never saw."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from curate.errors import EmoforgeError
from curate.sync_ridge import (
    CLOCK_HZ,
    MAX_LAG_S,
    RATE_HZ,
    Floats,
    SyncModel,
    claimed,
    lag_curve,
    mel_context,
    normalised,
    read_curve,
)

RIDGE = 3000.0  # of 300, 1000 and 3000 the one that misplaced fewest injected offsets
FOLDS = 20
MIN_GROUPS = 4
IN_SYNC_S, SURE_MARGIN = 0.08, 0.1  # a clip is fitted and tested on when the others place it so
LENGTHS_S = (3.0, 4.0, 6.0, 8.0, 12.0)
STARTS, SHIFTS = 6, 6  # of trials, a clip and length
MAX_SHIFT_FRAMES = 15
FOREIGN = 0.15  # of the trials are done again with another person's sound: a guess at how much is voice-over
WITHIN_FRAMES = 2.0
FPS = 25


@dataclass(frozen=True, kw_only=True, eq=False)
class Example:
    """`lips` (n, 2) at 50 Hz (curate.sync_ridge.lip_shape), the sound of the same span at 16 kHz, and whom it shows:
    clips of one `group` are never fitted and tested on together."""

    lips: Floats
    audio: NDArray[np.float32]
    group: str


@dataclass(frozen=True, kw_only=True, eq=False)
class Fit:
    """The model of all examples; `n_fitted` of them placed themselves in sync. `trials`: one row a window, with what
    the folds that hadn't seen its group said of it: length_s, shift_frames, error_frames, confidence, claimed. In some
    more, `foreign`, the sound is another person's: there is nothing to find, and every claim is an error."""

    model: SyncModel
    n_fitted: int
    trials: pd.DataFrame


def fit_sync(examples: Sequence[Example], *, seed: int = 0) -> Fit:
    """Fit, drop the examples that the others place out of sync or nowhere, fit again, and calibrate on shifted windows.

    EmoforgeError when fewer than four groups are left: there is nothing to test on.
    """
    folds = _folds(examples)
    grams = [_gram(example) for example in examples]
    first = _leaving_out(folds, grams)
    placed = [read_curve(lag_curve(c, e.lips, _padded(e.audio))) for c, e in zip(first, examples, strict=True)]
    chosen = [i for i, (_, margin, lag_s) in enumerate(placed) if abs(lag_s) <= IN_SYNC_S and margin >= SURE_MARGIN]
    if len({examples[i].group for i in chosen}) < MIN_GROUPS:
        raise EmoforgeError(
            f"only {len(chosen)} of {len(examples)} clips place themselves in sync, of fewer than {MIN_GROUPS} people "
            "or sources: too few to fit a sync model on; curate more speech first"
        )
    folds, grams = [folds[i] for i in chosen], [grams[i] for i in chosen]
    in_sync = [examples[i] for i in chosen]
    trials = _trials(in_sync, folds, _leaving_out(folds, grams), np.random.default_rng(seed))
    trials["confidence"] = _cross_calibrated(trials)
    trials["claimed"] = [claimed(sure, s) for sure, s in zip(trials.confidence, trials.length_s, strict=True)]
    model = SyncModel(coefficients=_solved(grams), calibration=_calibrated(trials))
    return Fit(model=model, n_fitted=len(in_sync), trials=trials)


def summary(trials: pd.DataFrame) -> pd.DataFrame:
    """Return a row a window length: trials, the share within two frames of all and of the claimed, the coverage, and
    how often an offset is claimed of somebody else's sound."""
    foreign = trials[trials.foreign].groupby("length_s").claimed.mean()
    trials = trials[~trials.foreign].assign(within=_right)
    told = trials[trials.claimed].groupby("length_s")
    table = trials.groupby("length_s").agg(
        trials=("within", "size"), within_2_frames=("within", "mean"), coverage=("claimed", "mean")
    )
    table["claimed_within_2_frames"] = told.within.mean()
    table["claimed_error_p95_frames"] = told.error_frames.apply(lambda errors: errors.abs().quantile(0.95))
    table["foreign_sound_claimed"] = foreign
    return table.reset_index()


def _folds(examples: Sequence[Example]) -> list[int]:
    groups = sorted({example.group for example in examples})
    number = {group: i % FOLDS for i, group in enumerate(groups)}
    return [number[example.group] for example in examples]


def _gram(example: Example) -> tuple[Floats, Floats]:
    features, lips = mel_context(example.audio, len(example.lips)), normalised(example.lips)
    return features.T @ features, features.T @ lips


def _solved(grams: Sequence[tuple[Floats, Floats]]) -> Floats:
    features = np.sum([features for features, _ in grams], axis=0)
    targets = np.sum([targets for _, targets in grams], axis=0)
    return np.asarray(np.linalg.solve(features + RIDGE * np.eye(len(features)), targets))


def _leaving_out(folds: Sequence[int], grams: Sequence[tuple[Floats, Floats]]) -> list[Floats]:
    """Return for each example the coefficients of all examples of other folds."""
    without = {
        fold: _solved([gram for other, gram in zip(folds, grams, strict=True) if other != fold])
        for fold in sorted(set(folds))
    }
    return [without[fold] for fold in folds]


def _padded(audio: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.pad(audio, round(MAX_LAG_S * RATE_HZ))


def _trials(
    examples: Sequence[Example], folds: Sequence[int], coefficients: Sequence[Floats], rng: np.random.Generator
) -> pd.DataFrame:
    shifts = np.arange(-MAX_SHIFT_FRAMES, MAX_SHIFT_FRAMES + 1)
    rows = [
        {"fold": fold, "length_s": length_s, "foreign": sound is not example.audio}
        | _trial(example.lips, sound, fitted, length_s, int(start), int(shift))
        for example, fold, fitted in zip(examples, folds, coefficients, strict=True)
        for length_s in LENGTHS_S
        for start in _starts(len(example.lips), round(length_s * CLOCK_HZ))
        for shift in rng.choice(shifts, SHIFTS, replace=False)
        for sound in _sounds(example, examples, folds, fold, rng)
    ]
    return pd.DataFrame(rows)


def _sounds(
    example: Example, examples: Sequence[Example], folds: Sequence[int], fold: int, rng: np.random.Generator
) -> list[NDArray[np.float32]]:
    """The example's own sound, and now and then that of somebody else, of about the same length or longer."""
    others = [other for other, its in zip(examples, folds, strict=True) if its != fold]
    long_enough = [other for other in others if len(other.audio) >= len(example.audio)] or others
    foreign = [long_enough[rng.integers(len(long_enough))].audio] if rng.random() < FOREIGN else []
    return [example.audio, *foreign]


def _starts(n: int, length: int) -> NDArray[np.int_]:
    return np.unique(np.linspace(0, n - length, STARTS).round().astype(int)) if n >= length else np.zeros(0, int)


def _trial(
    lips: Floats, sound: NDArray[np.float32], coefficients: Floats, length_s: float, start: int, shift_frames: int
) -> dict[str, float]:
    """Shift the sound of a window, and see what the coefficients make of it."""
    ticks, tick = round(length_s * CLOCK_HZ), RATE_HZ // CLOCK_HZ
    margin = round((MAX_LAG_S + MAX_SHIFT_FRAMES / FPS) * RATE_HZ)
    begin = start * tick - round(shift_frames / FPS * RATE_HZ) - round(MAX_LAG_S * RATE_HZ) + margin
    audio = np.pad(sound, margin)[begin : begin + ticks * tick + 2 * round(MAX_LAG_S * RATE_HZ)]
    peak, margin_, lag_s = read_curve(lag_curve(coefficients, lips[start : start + ticks], audio))
    return {
        "shift_frames": shift_frames,
        "error_frames": lag_s * FPS - shift_frames,
        "peak": peak,
        "margin": margin_,
        "seconds_log": float(np.log(length_s)),
    }


def _cross_calibrated(trials: pd.DataFrame) -> Floats:
    """Return each trial's confidence by a calibration that never saw its fold."""
    confidence = np.zeros(len(trials))
    for fold in trials.fold.unique():
        held_out = (trials.fold == fold).to_numpy()
        confidence[held_out] = _logistic(_features(trials[held_out]) @ _calibrated(trials[~held_out]))
    return confidence


def _calibrated(trials: pd.DataFrame, steps: int = 25) -> Floats:
    """Logistic regression by Newton's method, lightly held to zero; every fold and length counts alike."""
    features = _features(trials)
    right = _right(trials).to_numpy(np.float64)
    share = (1 / trials.groupby(["fold", "length_s"]).peak.transform("size")).to_numpy()
    share = share / share.mean()
    weights = np.zeros(features.shape[1])
    for _ in range(steps):
        likely = _logistic(features @ weights)
        slope = features.T @ (share * (right - likely)) - 0.1 * weights
        curvature = (features * (share * likely * (1 - likely))[:, None]).T @ features + 0.1 * np.eye(len(weights))
        weights = weights + np.linalg.solve(curvature, slope)
    return np.asarray(weights)


def _right(trials: pd.DataFrame) -> "pd.Series[bool]":
    return (trials.error_frames.abs() <= WITHIN_FRAMES) & ~trials.foreign


def _features(trials: pd.DataFrame) -> Floats:
    return np.column_stack([trials[["peak", "margin", "seconds_log"]].to_numpy(np.float64), np.ones(len(trials))])


def _logistic(values: Floats) -> Floats:
    return np.asarray(1 / (1 + np.exp(-values)))
