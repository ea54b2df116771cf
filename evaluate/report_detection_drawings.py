"""The detection report's drawings: curves on a plane with named axes, and lines over severities."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal
from xml.etree import ElementTree

from curate.page import Drawing

Point = tuple[float, float]
Way = Callable[[float], float]

_SIDE, _LEFT, _TOP, _RIGHT, _FLOOR = 240, 44, 8, 226, 196  # px of a plane's view
_WIDTH, _HEIGHT, _LETTER = 300, 150, 6.5  # of a severity drawing and of its labels
_STROKES = {
    "first": "stroke: var(--accent); stroke-width: 2; fill: none",
    "second": "stroke: var(--refused); stroke-width: 1.5; fill: none",
    "others": "stroke: var(--dropped); stroke-width: 1.1; fill: none",
    "chance": "stroke: var(--bound); stroke-width: 1; stroke-dasharray: 3 3; fill: none",
}


@dataclass(frozen=True, kw_only=True)
class Axis:
    """What an axis measures, where it ends, where it is marked and how a value becomes a length along it."""

    words: str
    low: float
    high: float
    ticks: Sequence[tuple[float, str]]
    way: Way = float

    def along(self, value: float) -> float:
        """Where a value lies, 0 to 1; values beyond the ends lie at them."""
        low, high = self.way(self.low), self.way(self.high)
        return (self.way(min(max(value, self.low), self.high)) - low) / (high - low)


@dataclass(frozen=True, kw_only=True)
class Trace:
    """Points to join and how: what is looked at, what it is read against, the others, or chance; `words` on resting.

    `sizes`: a dot at every point, of an area in proportion.
    """

    points: Sequence[Point]
    words: str
    kind: Literal["first", "second", "others", "chance"] = "first"
    sizes: Sequence[float] = ()


@dataclass(frozen=True, kw_only=True)
class Steps:
    """One detector over the severities of a perturbation: None where there is no number; `band` its interval."""

    words: str
    values: Sequence[float | None]
    kind: Literal["first", "second", "others"] = "others"
    band: Sequence[tuple[float, float] | None] = ()


def plane(traces: Sequence[Trace], x: Axis, y: Axis, *, title: str, note: str = "", blind: float = 0.0) -> Drawing:
    """Draw traces, the first ones on top; `blind`: the part of x, from its low end, that the clips can't resolve."""
    svg = ElementTree.Element("svg", viewBox=f"0 0 {_SIDE} {_SIDE}", role="img")
    _axes(svg, x, y)
    if blind > x.low:
        reach = _across(x, min(blind, x.high)) - _LEFT
        band = ElementTree.SubElement(
            svg, "rect", {"x": f"{_LEFT}", "y": f"{_TOP}", "width": f"{reach:.1f}", "height": f"{_FLOOR - _TOP}"}
        )
        band.set("class", "outside")
        _hint(band, "too few real clips to resolve")
    for trace in reversed(traces):
        _draw_trace(svg, trace, x, y)
    return Drawing(svg=ElementTree.tostring(svg, encoding="unicode"), title=title, note=note)


def severity_plot(lines: Sequence[Steps], labels: Sequence[str], *, title: str, note: str = "") -> Drawing:
    """Draw a line a detector over severities, from 0.4 or less to 1, the first ones on top, with a rule at 0.5."""
    low = min([0.4, *(value for line in lines for value in line.values if value is not None)])
    svg = ElementTree.Element("svg", viewBox=f"0 0 {_WIDTH} {_HEIGHT}", role="img")
    places = [24 + (_WIDTH - 48) * number / max(1, len(labels) - 1) for number in range(len(labels))]

    def height(value: float) -> float:
        return 120 - (min(max(value, low), 1.0) - low) / (1.0 - low) * 108

    for value in (0.5, 1.0):
        _path(svg, [(0, height(value)), (_WIDTH, height(value))], _STROKES["chance"] if value < 1 else _AXIS)
        _text(svg, 0, height(value) - 3, f"{value:g}")
    for line in reversed(lines):
        _draw_steps(svg, line, places, height)
    is_tight = max(map(len, labels)) * _LETTER * len(labels) > _WIDTH
    for number, (place, label) in enumerate(zip(places, labels, strict=True)):
        _text(svg, place, 134 + 12 * (number % 2 if is_tight else 0), label, anchor="middle")
    return Drawing(svg=ElementTree.tostring(svg, encoding="unicode"), title=title, note=note)


_AXIS = "stroke: var(--line); stroke-width: 1; fill: none"


def _draw_steps(svg: ElementTree.Element, line: Steps, places: Sequence[float], height: Way) -> None:
    known = [(place, height(value)) for place, value in zip(places, line.values, strict=True) if value is not None]
    ends = [(place, band) for place, band in zip(places, line.band, strict=False) if band is not None]
    if ends:
        around = [(place, height(band[0])) for place, band in ends]
        around += [(place, height(band[1])) for place, band in reversed(ends)]
        _path(svg, around, "fill: var(--accent); opacity: .15")
    drawn = _path(svg, known, _STROKES[line.kind])
    if drawn is not None:
        _hint(drawn, line.words)
    for place, top in known if line.kind == "first" else ():
        ElementTree.SubElement(svg, "circle", {"cx": f"{place:.1f}", "cy": f"{top:.1f}", "r": "3", "class": "kept"})


def _axes(svg: ElementTree.Element, x: Axis, y: Axis) -> None:
    for value, words in x.ticks:
        at = _across(x, value)
        _path(svg, [(at, _TOP), (at, _FLOOR)], _AXIS)
        _text(svg, at, _FLOOR + 14, words, anchor="middle")
    for value, words in y.ticks:
        at = _up(y, value)
        _path(svg, [(_LEFT, at), (_RIGHT, at)], _AXIS)
        _text(svg, _LEFT - 4, at + 4, words, anchor="end")
    _text(svg, (_LEFT + _RIGHT) / 2, _FLOOR + 32, x.words, anchor="middle")
    label = _text(svg, 0, 0, y.words, anchor="middle")
    label.set("transform", f"translate(9 {(_TOP + _FLOOR) / 2:g}) rotate(-90)")


def _draw_trace(svg: ElementTree.Element, trace: Trace, x: Axis, y: Axis) -> None:
    places = [(_across(x, across), _up(y, up)) for across, up in trace.points]
    drawn = _path(svg, places, _STROKES[trace.kind])
    if drawn is not None:
        _hint(drawn, trace.words)
    largest = max(trace.sizes, default=1.0)
    for (left, top), size in zip(places, trace.sizes, strict=False):
        radius = 1.5 + 3.5 * (size / largest) ** 0.5
        dot = {"cx": f"{left:.1f}", "cy": f"{top:.1f}", "r": f"{radius:.1f}", "class": "kept"}
        _hint(ElementTree.SubElement(svg, "circle", dot), f"{size:g} clips")


def _across(axis: Axis, value: float) -> float:
    return _LEFT + axis.along(value) * (_RIGHT - _LEFT)


def _up(axis: Axis, value: float) -> float:
    return _FLOOR - axis.along(value) * (_FLOOR - _TOP)


def _path(svg: ElementTree.Element, points: Sequence[Point], style: str) -> ElementTree.Element | None:
    if not points:
        return None
    way = "M" + "L".join(f"{left:.1f},{top:.1f}" for left, top in points)
    return ElementTree.SubElement(svg, "path", d=way, style=style)


def _text(
    svg: ElementTree.Element, left: float, top: float, words: str, *, anchor: str = "start"
) -> ElementTree.Element:
    text = ElementTree.SubElement(svg, "text", {"x": f"{left:.1f}", "y": f"{top:.1f}", "text-anchor": anchor})
    text.text = words
    return text


def _hint(shape: ElementTree.Element, words: str) -> None:
    ElementTree.SubElement(shape, "title").text = words
