"""The detection report by generator: each detector's interval, generators never seen in fitting, and who beats whom."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from curate.page import Drawing, Section
from evaluate.detection.answers import clean, ranking, shown, value_of
from evaluate.detection.findings import ALL, Cell, Comparison, Findings
from evaluate.report_drawings import Line, Mark, interval_plot

LISTED, SURE_P = 15, 0.05  # pairs in a table, and the adjusted p under which one is better

_GENERATORS = (
    "Every detector's AUC with its interval; the dashed line is chance. A detector below it has the two the wrong way "
    "round for that generator: it was made for something else."
)
_UNSEEN = (
    "What a detector that is fitted on labelled clips is worth on a generator that was left out of its fitting: the "
    "nearest there is to a generator of tomorrow. The dashed line is its AUC on the same clips with the generator in."
)
_COMPARED = (
    "Differences of AUC on the same clips, people and sources drawn anew for both sides at once. The adjusted p is "
    "Holm's over all the comparisons of its kind: above 0.05, these clips don't tell which one is better."
)


def generators_section(findings: Findings) -> list[Section]:
    """A drawing for all generators and one for each, a row a detector."""
    generators = list(dict.fromkeys(cell.generator for cell in clean(findings)))
    drawings = [drawing for generator in generators for drawing in _aucs(findings, generator)]
    return [Section(title="By generator", text=_GENERATORS, drawings=drawings)] if drawings else []


def unseen_section(findings: Findings) -> list[Section]:
    """Fitted detectors with and without each generator; no section where none was fitted that way."""
    left_out = [cell for cell in findings.cells if cell.fitted_without]
    if not left_out:
        return []
    seen = {(cell.detector, cell.generator): cell for cell in clean(findings)}
    detectors = list(dict.fromkeys(cell.detector for cell in left_out))
    drawings = [
        _with_and_without(name, [cell for cell in left_out if cell.detector == name], seen) for name in detectors
    ]
    table = pd.DataFrame([_unseen_row(cell, seen) for cell in left_out])
    return [Section(title="Generators it never saw", text=_UNSEEN, drawings=drawings, table=table)]


def comparisons_section(findings: Findings) -> list[Section]:
    """Who is surely better than whom, detectors first."""
    titles = {"detectors": "Detectors", "generators": "Generators, as the best detector sees them"}
    parts = [
        Section(title=title, text=_counted(found), table=pd.DataFrame(_clearest(found)))
        for kind, title in titles.items()
        if (found := [each for each in findings.comparisons if each.kind == kind])
    ]
    return [Section(title="Who beats whom", text=_COMPARED, parts=parts)] if parts else []


def _counted(found: Sequence[Comparison]) -> str:
    sure = sum(_is_sure(each) for each in found)
    shown_of = f"; the {LISTED} clearest are shown" if len(found) > LISTED else ""
    return f"{sure} of {len(found)} pairs can be told apart{shown_of}."


def _clearest(found: Sequence[Comparison]) -> list[dict[str, str]]:
    ordered = sorted(found, key=lambda each: (1.0 if each.p is None else each.p, -abs(each.difference.value or 0.0)))
    return [_compared(each) for each in ordered[:LISTED]]


def _is_sure(each: Comparison) -> bool:
    return each.p_adjusted is not None and each.p_adjusted < SURE_P


def _aucs(findings: Findings, generator: str) -> list[Drawing]:
    order = [cell.detector for cell in ranking(findings)]
    cells = {cell.detector: cell for cell in clean(findings) if cell.generator == generator}
    marks = [mark for name in order if name in cells if (mark := _mark(cells[name], name, Line(value=0.5))) is not None]
    title = "All generators" if generator == ALL else generator
    return [interval_plot(marks, title=title, words="chance")] if marks else []


def _mark(cell: Cell, label: str, against: Line | None) -> Mark | None:
    auc = cell.numbers.get("auc")
    if auc is None or auc.value is None:
        return None
    return Mark(label=label, value=auc.value, text=shown(auc), low=auc.low, high=auc.high, real=against)


def _with_and_without(detector: str, cells: Sequence[Cell], seen: dict[tuple[str, str], Cell]) -> Drawing:
    marks = []
    for cell in cells:
        usual = _usual(cell, seen)
        line = None if usual is None or (value := value_of(usual, "auc")) is None else Line(value=value)
        if (mark := _mark(cell, f"without {cell.fitted_without}", line)) is not None:
            marks.append(mark)
    return interval_plot(marks, title=detector, words="with it")


def _unseen_row(cell: Cell, seen: dict[tuple[str, str], Cell]) -> dict[str, str]:
    usual = _usual(cell, seen)
    return {
        "detector": cell.detector,
        "left out": cell.fitted_without,
        "AUC without": shown(cell.numbers.get("auc")),
        "AUC with": "–" if usual is None else shown(usual.numbers.get("auc")),
        "clips": f"{cell.n_fake} against {cell.n_real} real",
    }


def _usual(cell: Cell, seen: dict[tuple[str, str], Cell]) -> Cell | None:
    """The same detector on the same generator as usual; a lone generator is all of them."""
    return seen.get((cell.detector, cell.generator), seen.get((cell.detector, ALL)))


def _compared(each: Comparison) -> dict[str, str]:
    better, other = (each.first, each.second) if (each.difference.value or 0.0) >= 0 else (each.second, each.first)
    return {
        "first": each.first,
        "second": each.second,
        "difference of AUC": _signed(each),
        "p": _p(each.p),
        "adjusted p": _p(each.p_adjusted),
        "so": (f"{better} over {other}" if _is_sure(each) else "can't be told apart"),
    }


def _signed(each: Comparison) -> str:
    number = each.difference
    if number.value is None:
        return number.absent or "–"
    ends = "" if number.low is None or number.high is None else f" ({number.low:+.2f} to {number.high:+.2f})"
    return f"{number.value:+.2f}{ends}"


def _p(p: float | None) -> str:
    return "–" if p is None else "<0.001" if p < 0.001 else f"{p:.3f}"
