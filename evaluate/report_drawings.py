"""The evaluation report's drawings: numbers with their intervals, curves over time, thumbnails in a row; all SVG."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray

from curate.page import Drawing

Values = NDArray[np.floating]

_WIDTH, _TOP, _ROW, _HEIGHT, _FLOOR = 300, 16, 34, 132, 112  # px of the view
_DOTS, _HINT = 60, 80  # dots of one system, letters of a name, at most
_NAME = 18  # letters that fit under a thumbnail


@dataclass(frozen=True, kw_only=True)
class Line:
    """What a number is read against, and its own interval if it has one."""

    value: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, kw_only=True)
class Mark:
    """One system's number: its interval's ends if it has one, the clips' numbers behind it, what is written beside."""

    label: str
    value: float
    text: str
    low: float | None = None
    high: float | None = None
    real: Line | None = None
    clips: Sequence[tuple[str, float]] = ()


@dataclass(frozen=True, kw_only=True)
class Curve:
    """`values` (n,) at even times; `band`: its lower and upper ends, both (n,). Not-a-number is left out."""

    words: str
    values: Values
    colour: Literal["accent", "refused", "soft"]
    style: Literal["line", "dashed", "area"] = "line"
    band: tuple[Values, Values] | None = None


def interval_plot(marks: Sequence[Mark], *, title: str, note: str = "", words: str = "") -> Drawing:
    """Draw a row a mark, all on one scale: the value, its interval, a dot a clip, and what it is read against.

    `words` name what the marks are read against, above the first of them.
    """
    low, high = _span([end for mark in marks for end in _ends(mark)])
    bottom = _TOP + _ROW * len(marks) + 6
    svg = _svg(_WIDTH, bottom + 20)
    for number, mark in enumerate(marks):
        _draw_mark(svg, mark, low, high, top=_TOP + _ROW * number)
    _rule(svg, 0, bottom, _WIDTH, bottom, "axis")
    if marks and (real := marks[0].real) is not None:
        at = _across(real.value, low, high)
        anchor = "start" if at < _WIDTH / 3 else "end" if at > _WIDTH * 2 / 3 else "middle"
        _text(svg, at, _TOP - 4, f"{words} {real.value:.4g}", anchor=anchor, kind="limit")
    _text(svg, 0, bottom + 15, f"{low:.3g}")
    _text(svg, _WIDTH, bottom + 15, f"{high:.3g}", anchor="end")
    return Drawing(svg=_written(svg), title=title, note=note)


def curve_plot(
    curves: Sequence[Curve],
    *,
    seconds: float,
    title: str,
    note: str = "",
    span: tuple[float, float] | None = None,
    level: float | None = None,
    shape: Literal["small", "wide"] = "small",
) -> Drawing:
    """Draw curves over `seconds`, on the common scale `span` with a rule at `level`, or each between its least and "
    "most."""
    width = _WIDTH if shape == "small" else 980
    svg = _svg(width, _HEIGHT)
    if span is not None and level is not None:
        height = _FLOOR - (level - span[0]) / (span[1] - span[0]) * (_FLOOR - _TOP)
        _rule(svg, 0, height, width, height, "axis")
    for curve in curves:
        _draw_curve(svg, curve, span or _span([*curve.values[np.isfinite(curve.values)].tolist()]), width)
    _rule(svg, 0, _FLOOR, width, _FLOOR, "axis")
    if span is not None:
        _text(svg, 0, _TOP - 4, f"{span[1]:.3g}")
        _text(svg, 0, _FLOOR - 4, f"{span[0]:.3g}")
    _text(svg, 0, _HEIGHT - 4, "0 s")
    _text(svg, width, _HEIGHT - 4, f"{seconds:.3g} s", anchor="end")
    for number, curve in enumerate(curves):
        at = width * (number + 1) / (len(curves) + 1)
        _text(svg, at, _HEIGHT - 4, curve.words, anchor="middle", style=f"fill: var(--{curve.colour})")
    return Drawing(svg=_written(svg), title=title, note=note, shape=shape)


def strip(pictures: Sequence[tuple[str, bytes]], *, places: int, title: str, note: str = "") -> Drawing:
    """Draw named JPEGs in a row that has room for `places` of them."""
    width, side = 980, 980 / places
    svg = _svg(width, side + 14)
    for number, (name, content) in enumerate(pictures):
        address = f"data:image/jpeg;base64,{base64.b64encode(content).decode()}"
        size = {"x": f"{number * side:.1f}", "y": "0", "width": f"{side - 6:.1f}", "height": f"{side - 6:.1f}"}
        image = ElementTree.SubElement(svg, "image", size | {"href": address})
        _hint(image, name)
        _text(svg, number * side + (side - 6) / 2, side + 8, shortened(name, _NAME), anchor="middle")
    return Drawing(svg=_written(svg), title=title, note=note, shape="wide")


def shortened(words: str, longest: int) -> str:
    """The words, or their beginning and end where they are longer than `longest`: names differ at their ends."""
    if len(words) <= longest:
        return words
    return f"{words[: longest - longest // 3 - 1]}…{words[-(longest // 3) :]}"


def _ends(mark: Mark) -> list[float]:
    """All numbers that the row shows."""
    real = () if mark.real is None else (mark.real.value, mark.real.low, mark.real.high)
    ends = [end for end in (mark.value, mark.low, mark.high, *real) if end is not None]
    return ends + [value for _, value in mark.clips]


def _span(values: Sequence[float]) -> tuple[float, float]:
    """The ends of an axis that holds all values, never the same."""
    low, high = min(values, default=0.0), max(values, default=1.0)
    if high > low:
        return low, high
    margin = 0.1 * abs(low) or 0.5
    return low - margin, high + margin


def _across(value: float, low: float, high: float) -> float:
    """Where a value lies, px, with room for its dot at both ends."""
    return 5 + (value - low) / (high - low) * (_WIDTH - 10)


def _draw_real(svg: ElementTree.Element, real: Line, low: float, high: float, *, top: float) -> None:
    at = _across(real.value, low, high)
    if real.low is not None and real.high is not None:
        left, right = _across(real.low, low, high), _across(real.high, low, high)
        band = {"x": left, "y": top, "width": right - left, "height": _ROW}
        ElementTree.SubElement(svg, "rect", {k: f"{v:.1f}" for k, v in band.items()} | {"class": "outside"})
    _rule(svg, at, top + 15, at, top + _ROW, "bound dashed")  # below the row's words


def _draw_mark(svg: ElementTree.Element, mark: Mark, low: float, high: float, *, top: float) -> None:
    middle = top + 25
    if mark.real is not None:
        _draw_real(svg, mark.real, low, high, top=top)
    _text(svg, 0, top + 12, shortened(mark.label, 28), kind="label")
    _text(svg, _WIDTH, top + 12, mark.text, anchor="end")
    for number, (name, value) in enumerate(_thinned(mark.clips)):
        dot = _dot(svg, _across(value, low, high), middle + (number % 3 - 1) * 2.5, 2.0, "dropped")
        _hint(dot, f"{shortened(name, _HINT)}: {value:.4g}")
    if mark.low is not None and mark.high is not None:
        left, right = _across(mark.low, low, high), _across(mark.high, low, high)
        _path(svg, [(left, middle), (right, middle)], "stroke: var(--kept); stroke-width: 2.5; fill: none")
        for end in (left, right):
            _path(svg, [(end, middle - 4), (end, middle + 4)], "stroke: var(--kept); stroke-width: 1.5; fill: none")
    _hint(_dot(svg, _across(mark.value, low, high), middle, 4.0, "kept"), f"{mark.label}: {mark.text}")


def _thinned(clips: Sequence[tuple[str, float]]) -> list[tuple[str, float]]:
    """At most _DOTS of them, spread over their order by value."""
    ordered = sorted(clips, key=lambda clip: (clip[1], clip[0]))
    places = np.linspace(0, len(ordered) - 1, min(len(ordered), _DOTS)).round().astype(int)
    return [ordered[place] for place in places.tolist()]


def _draw_curve(svg: ElementTree.Element, curve: Curve, span: tuple[float, float], width: float) -> None:
    stroke = f"stroke: var(--{curve.colour}); stroke-width: 1.4; fill: none"
    points = _points(curve.values, span, width)
    if curve.band is not None:
        around = _points(curve.band[0], span, width) + _points(curve.band[1], span, width)[::-1]
        _path(svg, around, f"fill: var(--{curve.colour}); opacity: .16")
    if curve.style == "area" and points:
        around = [(points[0][0], _FLOOR), *points, (points[-1][0], _FLOOR)]
        _path(svg, around, f"fill: var(--{curve.colour}); opacity: .4")
    elif points:
        _path(svg, points, stroke + ("; stroke-dasharray: 4 3" if curve.style == "dashed" else ""))


def _points(values: Values, span: tuple[float, float], width: float) -> list[tuple[float, float]]:
    step, scale = width / max(1, len(values) - 1), (_FLOOR - _TOP) / (span[1] - span[0])
    inside = np.clip(values, *span)
    return [(n * step, _FLOOR - (value - span[0]) * scale) for n, value in enumerate(inside.tolist()) if value == value]


def _svg(width: float, height: float) -> ElementTree.Element:
    return ElementTree.Element("svg", viewBox=f"0 0 {width:g} {height:g}", role="img")


def _path(svg: ElementTree.Element, points: Sequence[tuple[float, float]], style: str) -> None:
    if points:
        way = "M" + "L".join(f"{x:.1f},{y:.1f}" for x, y in points)
        ElementTree.SubElement(svg, "path", d=way, style=style)


def _rule(svg: ElementTree.Element, left: float, top: float, right: float, bottom: float, kind: str) -> None:
    ends = {"x1": left, "y1": top, "x2": right, "y2": bottom}
    ElementTree.SubElement(svg, "line", {k: f"{v:.1f}" for k, v in ends.items()} | {"class": kind})


def _dot(svg: ElementTree.Element, x: float, y: float, radius: float, kind: str) -> ElementTree.Element:
    place = {"cx": f"{x:.1f}", "cy": f"{y:.1f}", "r": f"{radius:g}", "class": kind}
    return ElementTree.SubElement(svg, "circle", place)


def _text(
    svg: ElementTree.Element,
    left: float,
    top: float,
    words: str,
    *,
    anchor: str = "start",
    kind: str = "",
    style: str = "",
) -> None:
    place = {"x": f"{left:.1f}", "y": f"{top:.1f}", "text-anchor": anchor, "class": kind, "style": style}
    ElementTree.SubElement(svg, "text", {key: value for key, value in place.items() if value}).text = words


def _hint(shape: ElementTree.Element, words: str) -> None:
    """What is shown while the pointer rests on the shape."""
    ElementTree.SubElement(shape, "title").text = words


def _written(svg: ElementTree.Element) -> str:
    return ElementTree.tostring(svg, encoding="unicode")
