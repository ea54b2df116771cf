"""The corpus report's drawings: SVG in the page's own colours, small enough that a page holds fifty of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray

from curate.page import Drawing

Values = NDArray[np.float64]
Colour = Literal["kept", "dropped", "refused", "failed"]

BINS = 32
_WIDTH, _HEIGHT, _TOP, _FLOOR = 300, 132, 16, 112  # of a histogram: the view's px, and where its bars end
_TAILS = (0.5, 99.5)  # percentiles beyond which values are drawn in the outermost bars
_FAR = 2.0  # times the range of the rest: tails that reach further are folded in


@dataclass(frozen=True, kw_only=True)
class Bound:
    """One end of the range that is kept, and whether it is only for some clips."""

    value: float
    side: Literal["min", "max"]
    some_clips: bool = False


@dataclass(frozen=True, kw_only=True)
class Bar:
    """One line of a bar chart: a label, its parts from left to right, and what is written behind them."""

    label: str
    parts: Sequence[tuple[float, Colour]]
    text: str


def histogram(
    kept: Values,
    dropped: Values,
    *,
    title: str,
    note: str = "",
    bounds: Sequence[Bound] = (),
    span: Values | None = None,
) -> Drawing:
    """Draw how values lie: kept ones under dropped ones, and the thresholds; at least one value is finite.

    The axis is that of the values `span`, so that two drawings can be compared, or else of those that are drawn.
    """
    kept, dropped = kept[np.isfinite(kept)], dropped[np.isfinite(dropped)]
    values = np.concatenate([kept, dropped])
    low, high = _range(values if span is None else span[np.isfinite(span)], [bound.value for bound in bounds])
    edges = _edges(low, high, [bound.value for bound in bounds])
    counts = [np.histogram(np.clip(part, low, high), bins=edges)[0] for part in (kept, dropped)]
    svg = _svg(_WIDTH, _HEIGHT)
    for bound in bounds:
        _draw_outside(svg, bound, _place(bound.value, low, high))
    _draw_bars(svg, edges, *counts)
    _line(svg, 0, _FLOOR, _WIDTH, _FLOOR, "axis")
    for bound in bounds:
        _draw_bound(svg, bound, _place(bound.value, low, high))
    first, last = values.min() < low, values.max() > high
    _text(svg, 0, _HEIGHT - 4, f"{'≤ ' if first else ''}{low:.3g}")
    _text(svg, _WIDTH, _HEIGHT - 4, f"{'≥ ' if last else ''}{high:.3g}", anchor="end")
    return Drawing(svg=_written(svg), title=title, note=note)


def bar_chart(bars: Sequence[Bar], *, title: str = "", note: str = "") -> Drawing:
    """Draw one line a bar, all on one scale."""
    width, label_width, text_width, step = 980, 290, 110, 26
    longest = max((sum(size for size, _ in bar.parts) for bar in bars), default=0) or 1
    svg = _svg(width, step * len(bars))
    for number, bar in enumerate(bars):
        top = number * step
        _text(svg, label_width - 10, top + 16, _shortened(bar.label, 48), anchor="end", kind="label")
        left = float(label_width)
        for size, colour in bar.parts:
            length = size / longest * (width - label_width - text_width)
            _rectangle(svg, left, top + 5, length, step - 10, colour)
            left += length
        _text(svg, left + 8, top + 16, bar.text)
    return Drawing(svg=_written(svg), title=title, note=note, shape="wide")


def heat_map(x: Values, y: Values, *, reach_x: float, reach_y: float, cells: int, title: str, note: str) -> Drawing:
    """Draw how often x (to the right) and y (upwards) come together, from -reach to reach; beyond is at the edge."""
    counts, _, _ = np.histogram2d(
        np.clip(x, -reach_x, reach_x),
        np.clip(y, -reach_y, reach_y),
        bins=(cells, cells),
        range=((-reach_x, reach_x), (-reach_y, reach_y)),
    )
    side = 264 / cells
    svg = _svg(_WIDTH, 284)
    for column, row in np.argwhere(counts > 0):
        share = counts[column, row] / counts.max()
        cell = _rectangle(svg, 30 + column * side, 264 - (row + 1) * side, side, side, "kept")
        cell.set("opacity", f"{0.12 + 0.88 * share**0.5:.2f}")  # the root lets what is rare be seen
        _hint(cell, f"{counts[column, row] / counts.sum():.2%} of the frames")
    for words, left, anchor in (
        (f"-{reach_x:g}°", 30, "start"),
        ("yaw", 162, "middle"),
        (f"+{reach_x:g}°", 294, "end"),
    ):
        _text(svg, left, 280, words, anchor=anchor)
    for words, top in ((f"+{reach_y:g}°", 10), ("pitch", 136), (f"-{reach_y:g}°", 264)):
        _text(svg, 27, top, words, anchor="end")
    _line(svg, 30, 132, 294, 132, "axis")
    _line(svg, 162, 0, 162, 264, "axis")
    return Drawing(svg=_written(svg), title=title, note=note, shape="tall")


def _range(values: Values, bounds: Sequence[float]) -> tuple[float, float]:
    """Return the ends of the axis: all values and bounds, without tails that would squeeze the rest together."""
    low, high = (float(end) for end in np.percentile(values, _TAILS))
    reach = _FAR * (high - low)
    least, most = float(values.min()), float(values.max())
    low = least if least >= low - reach else low
    high = most if most <= high + reach else high
    low, high = min([low, *bounds]), max([high, *bounds])
    if high > low:
        return low, high
    margin = 0.5 * abs(low) or 0.5
    return low - margin, high + margin


def _edges(low: float, high: float, bounds: Sequence[float]) -> Values:
    """Return the bars' edges; the nearest one moves to each bound, so that no bar is half kept and half dropped."""
    edges = np.linspace(low, high, BINS + 1)
    for bound in bounds:
        if low < bound < high:
            edges[1 + np.abs(edges[1:-1] - bound).argmin()] = bound
    return edges


def _place(value: Any, low: float, high: float) -> Any:
    """Return where a value (or several) lies on the axis, px."""
    return (value - low) / (high - low) * _WIDTH


def _draw_bars(svg: ElementTree.Element, edges: Values, kept: NDArray[np.int64], dropped: NDArray[np.int64]) -> None:
    scale = (_FLOOR - _TOP) / max(1, int((kept + dropped).max()))
    lefts = _place(edges, float(edges[0]), float(edges[-1]))
    for place, (is_kept, is_dropped) in enumerate(zip(kept.tolist(), dropped.tolist(), strict=True)):
        floor, width = float(_FLOOR), lefts[place + 1] - lefts[place] - 0.6
        for count, colour in ((is_kept, "kept"), (is_dropped, "dropped")):
            if count:
                height = max(1.0, count * scale)
                floor -= height
                bar = _rectangle(svg, lefts[place], floor, width, height, colour)
                _hint(bar, f"{edges[place]:.4g} to {edges[place + 1]:.4g}: {is_kept:,} kept, {is_dropped:,} dropped")


def _draw_outside(svg: ElementTree.Element, bound: Bound, at: float) -> None:
    if not bound.some_clips:
        begin, end = (0.0, at) if bound.side == "min" else (at, float(_WIDTH))
        _rectangle(svg, begin, _TOP, end - begin, _FLOOR - _TOP, "outside")


def _draw_bound(svg: ElementTree.Element, bound: Bound, at: float) -> None:
    _line(svg, at, _TOP, at, _FLOOR, "bound dashed" if bound.some_clips else "bound")
    text = f"{'≥' if bound.side == 'min' else '≤'} {bound.value:g}"
    anchor = "start" if at < 40 else "end" if at > _WIDTH - 40 else "middle"
    _text(svg, at, _TOP - 4, text, anchor=anchor, kind="limit")


def _svg(width: float, height: float) -> ElementTree.Element:
    return ElementTree.Element("svg", viewBox=f"0 0 {width:g} {max(height, 1):g}", role="img")


def _rectangle(
    svg: ElementTree.Element, left: float, top: float, width: float, height: float, kind: str
) -> ElementTree.Element:
    values = {"x": left, "y": top, "width": max(0.0, width), "height": height}
    return ElementTree.SubElement(svg, "rect", {k: f"{v:.1f}" for k, v in values.items()} | {"class": kind})


def _line(svg: ElementTree.Element, left: float, top: float, right: float, bottom: float, kind: str) -> None:
    values = {"x1": left, "y1": top, "x2": right, "y2": bottom}
    ElementTree.SubElement(svg, "line", {k: f"{v:.1f}" for k, v in values.items()} | {"class": kind})


def _text(
    svg: ElementTree.Element, left: float, top: float, words: str, *, anchor: str = "start", kind: str = ""
) -> None:
    place = {"x": f"{left:.1f}", "y": f"{top:.1f}", "text-anchor": anchor, "class": kind}
    ElementTree.SubElement(svg, "text", place).text = words


def _hint(shape: ElementTree.Element, words: str) -> None:
    """What is shown while the pointer rests on the shape."""
    ElementTree.SubElement(shape, "title").text = words


def _shortened(words: str, longest: int) -> str:
    return words if len(words) <= longest else words[: longest - 1] + "…"


def _written(svg: ElementTree.Element) -> str:
    return ElementTree.tostring(svg, encoding="unicode")
