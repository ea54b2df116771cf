"""Drift: how sharpness and luminance move away from a clip's first second, over the clips of every system."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from curate.media import CORPUS_FPS
from curate.page import Drawing, Section
from evaluate.measure import Measured
from evaluate.report_drawings import Curve, curve_plot
from evaluate.system import REFERENCE, System

SERIES = ("sharpness", "luminance")
BIN_FRAMES = 5  # a fifth of a second
LONGEST_S = 60.0
STAY = 0.5  # of the clips must still last, or the curve would be of other clips than it began with

_TEXT = (
    "Each clip over time, divided by the mean of its own first second: at the thin line, 1, nothing drifts. The "
    "line is the median over clips, the band holds the middle half of them, the dashed line is the reference's "
    "median; a curve ends where fewer than half of its clips last. Video that is generated piece by piece tends to "
    "lose sharpness and to change its colour with every piece."
)


@dataclass(frozen=True, kw_only=True)
class Drift:
    """Median and quartiles over `n` clips, (T,) each, a value a fifth of a second."""

    median: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    n: int


def drift(clips: Sequence[Measured], series: str) -> Drift | None:
    """Over the clips that have the series and last longer than a second; None without any."""
    found = [relative for clip in clips if (relative := _relative(clip, series)) is not None]
    if not found:
        return None
    lengths = sorted((len(relative) for relative in found), reverse=True)
    length = lengths[int(np.ceil(STAY * len(lengths))) - 1]
    table = np.full((len(found), length), np.nan)
    for row, relative in zip(table, found, strict=True):
        row[: len(relative)] = relative[:length]
    low, median, high = np.nanpercentile(table, (25, 50, 75), axis=0)
    return Drift(median=median, low=low, high=high, n=len(found))


def drift_section(systems: Sequence[System]) -> list[Section]:
    """Two drawings a system, each quantity on one scale over all systems; no section where no clip has a series."""
    drawings = [drawing for series in SERIES for drawing in _drawings(systems, series)]
    return [Section(title="Drift over time", text=_TEXT, drawings=drawings)] if drawings else []


def _drawings(systems: Sequence[System], series: str) -> list[Drawing]:
    real = drift(systems[0].sets.reference, series)
    found = {system.name: drift(system.sets.generated, series) for system in systems}
    known = {name: curve for name, curve in found.items() if curve is not None}
    if not known and real is not None:
        known = {REFERENCE: real}
    if not known:
        return []
    ends = np.concatenate([end for curve in known.values() for end in (curve.low, curve.high, [1.0])])
    if real is not None:
        ends = np.concatenate([ends, real.median])
    span = (float(ends.min()) - 0.02, float(ends.max()) + 0.02)
    return [_drawing(name, curve, real, series, span) for name, curve in known.items()]


def _drawing(name: str, curve: Drift, real: Drift | None, series: str, span: tuple[float, float]) -> Drawing:
    length = len(curve.median)
    curves = [Curve(words=f"{curve.n} clips", values=curve.median, colour="accent", band=(curve.low, curve.high))]
    if real is not None and name != REFERENCE:
        beside = np.full(length, np.nan)
        beside[: len(real.median)] = real.median[:length]
        curves.append(Curve(words=f"real, {real.n} clips", values=beside, colour="soft", style="dashed"))
    seconds = length * BIN_FRAMES / CORPUS_FPS
    return curve_plot(curves, seconds=seconds, title=f"{name}: {series}", span=span, level=1.0)


def _relative(clip: Measured, series: str) -> NDArray[np.float64] | None:
    values = np.asarray(clip.series.get(series, ()), np.float64)[: round(LONGEST_S * CORPUS_FPS)]
    if len(values) <= CORPUS_FPS or not np.isfinite(values).all() or values[:CORPUS_FPS].mean() <= 0:
        return None
    whole = values[: len(values) // BIN_FRAMES * BIN_FRAMES].reshape(-1, BIN_FRAMES).mean(axis=1)
    return np.asarray(whole / values[:CORPUS_FPS].mean())
