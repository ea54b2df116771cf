"""The report's drawings of the metrics: every system's value, interval and clips against what real clips give."""

from collections.abc import Sequence

import numpy as np

from curate.page import Drawing, Section
from evaluate.report_drawings import Line, Mark, interval_plot
from evaluate.results import Result
from evaluate.system import REFERENCE, System
from evaluate.tables import by_metric, shown, titled

_TEXT = (
    "A row a system: its value, the bar is its interval, a grey dot is a clip (rest on it for its name). The "
    "dashed line is what real clips give: the distance between two parts of them, or their own mean (shaded: "
    "its interval)."
)


def metrics_section(systems: Sequence[System]) -> Section:
    """A drawing a metric that has a number."""
    drawings = [_drawing(systems, same) for same in by_metric(systems) if any(r.value is not None for r in same)]
    return Section(title="Metrics", text=_TEXT if drawings else "No metric could be measured.", drawings=drawings)


def _drawing(systems: Sequence[System], same: Sequence[Result]) -> Drawing:
    marks = [
        _mark(system.name, result, result.value)
        for system, result in zip(systems, same, strict=True)
        if result.value is not None
    ]
    kinds = {"real vs real" if result.floor is not None else REFERENCE for result in same if _line(result)}
    return interval_plot(marks, title=titled(same[0]), words=" or ".join(sorted(kinds)))


def _mark(name: str, result: Result, value: float) -> Mark:
    interval = result.interval
    return Mark(
        label=name,
        value=value,
        low=interval.low if interval else None,
        high=interval.high if interval else None,
        text=shown(result),
        real=_line(result),
        clips=_clip_values(result, value),
    )


def _clip_values(result: Result, value: float) -> list[tuple[str, float]]:
    """The clips' numbers of the column whose mean is the metric's value: the others are on other scales."""
    for column in result.per_clip.values():
        numbers = [(name, each) for name, each in column.items() if isinstance(each, float)]
        if numbers and np.isclose(np.mean([each for _, each in numbers]), value):
            return numbers
    return []


def _line(result: Result) -> Line | None:
    if result.floor is not None:
        return Line(value=result.floor.value)
    if result.reference_value is None:
        return None
    interval = result.reference_interval
    low, high = (interval.low, interval.high) if interval else (None, None)
    return Line(value=result.reference_value.value, low=low, high=high)
