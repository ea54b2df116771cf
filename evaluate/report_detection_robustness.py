"""The detection report on robustness: what compression, filters and platforms leave of every detector."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from curate.page import Drawing, Section
from evaluate.detection.answers import clean, perturbed, ranking, shown, value_of
from evaluate.detection.findings import ALL, Cell, Findings
from evaluate.report_detection_drawings import Steps, severity_plot

_TEXT = (
    "AUC over all generators as both real and generated clips are processed, from clean at the left to the most "
    "severe. Blue, with its interval: {best}. Grey: the other detectors (rest on a line for its name). Dashed: chance."
)
_BEST = (
    "What {best} does at the threshold chosen on clean clips: a detector may keep its AUC and still be useless, "
    "since all its scores move to one side. The scores' move is of their mean, generated and real."
)
_EVERY = "The AUC of every detector under every condition."


def robustness_section(findings: Findings) -> list[Section]:
    """A drawing for every kind of processing, then the numbers; no section where nothing was perturbed."""
    order = [cell.detector for cell in ranking(findings)]
    cells = {name: perturbed(findings, name) for name in order}
    if not order or not any(cells.values()):
        return []
    best = order[0]
    start = {cell.detector: cell for cell in clean(findings) if cell.generator == ALL}
    kinds = list(dict.fromkeys(cell.condition for same in cells.values() for cell in same))
    parts = [
        Section(
            title=f"{best} at its frozen threshold",
            text=_BEST.format(best=best),
            table=pd.DataFrame([_row(start[best], start[best]), *(_row(cell, start[best]) for cell in cells[best])]),
        )
    ]
    if len(order) > 1:
        parts.append(Section(title="Every detector", text=_EVERY, table=_every(cells, start)))
    drawings = [_drawing(kind, cells, start) for kind in kinds]
    return [Section(title="After processing", text=_TEXT.format(best=best), drawings=drawings, parts=parts)]


def _drawing(kind: str, cells: dict[str, list[Cell]], start: dict[str, Cell]) -> Drawing:
    steps = {cell.severity: cell.severity_rank for same in cells.values() for cell in same if cell.condition == kind}
    labels = sorted(steps, key=lambda label: (steps[label], label))
    lines = [
        _line(name, [start[name], *(_at(same, kind, label) for label in labels)], is_best=place == 0)
        for place, (name, same) in enumerate(cells.items())
    ]
    return severity_plot(lines, ["clean", *(label or "on" for label in labels)], title=kind.replace("_", " "))


def _line(name: str, cells: Sequence[Cell | None], *, is_best: bool) -> Steps:
    values = [None if cell is None else value_of(cell, "auc") for cell in cells]
    numbers = [None if cell is None else cell.numbers.get("auc") for cell in cells]
    band = [
        None if number is None or number.low is None or number.high is None else (number.low, number.high)
        for number in numbers
    ]
    known = ", ".join("–" if value is None else f"{value:.2f}" for value in values)
    return Steps(
        words=f"{name}: {known}", values=values, kind="first" if is_best else "others", band=band if is_best else ()
    )


def _at(cells: Sequence[Cell], kind: str, severity: str) -> Cell | None:
    return next((cell for cell in cells if (cell.condition, cell.severity) == (kind, severity)), None)


def _row(cell: Cell, start: Cell) -> dict[str, str]:
    return {
        "processing": "none (clean)" if cell is start else cell.condition.replace("_", " "),
        "severity": cell.severity or "–",
        "AUC": shown(cell.numbers.get("auc")),
        "caught": shown(cell.numbers.get("tpr_at_threshold"), percent=True),
        "falsely accused": shown(cell.numbers.get("fpr_at_threshold"), percent=True),
        "scores' move": "–" if cell is start else f"{_move(cell, 'fake')} / {_move(cell, 'real')}",
    }


def _move(cell: Cell, side: str) -> str:
    value = value_of(cell, f"score_delta_{side}")
    return "–" if value is None else f"{value:+.2f}"


def _every(cells: dict[str, list[Cell]], start: dict[str, Cell]) -> pd.DataFrame:
    """A row a condition, a column a detector."""
    conditions = list(dict.fromkeys((cell.condition, cell.severity) for same in cells.values() for cell in same))
    rows = [{"processing": "none (clean)", **{name: _auc(start[name]) for name in cells}}]
    rows += [
        {
            "processing": f"{kind.replace('_', ' ')} {severity}".strip(),
            **{name: _auc(_at(same, kind, severity)) for name, same in cells.items()},
        }
        for kind, severity in conditions
    ]
    return pd.DataFrame(rows)


def _auc(cell: Cell | None) -> str:
    value = None if cell is None else value_of(cell, "auc")
    return "–" if value is None else f"{value:.2f}"
