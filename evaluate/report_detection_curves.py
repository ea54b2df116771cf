"""The detection report's curves of every detector: ROC, DET, reliability and the cost of its mistakes."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Literal

import numpy as np
from scipy import stats

from curate.page import Drawing, Section
from evaluate.detection.answers import clean, ranking
from evaluate.detection.findings import ALL, Curves, Findings
from evaluate.report_detection_drawings import Axis, Trace, plane

_TEXT = (
    "Blue: all generators together; grey: each alone (rest on a line for its name); dashed: chance, or what it is read "
    "against. Shaded: false-alarm rates under 3 / real clips, which these clips can't resolve.\n"
    "ROC: caught against falsely accused. DET: the same mistakes on normal scales, lower left is better. "
    "Reliability: how many clips of a probability are generated, bins of equal size; on the dashed line the "
    "probability means what it says at this data's mix, and below it the detector cries wolf. Cost: the mean "
    "cost of a clip where the share of generated videos is as the axis says ({costs}); blue at the frozen "
    "threshold, orange at the best one in hindsight, dashed without any detector. Above the "
    "dashed line it is better not used."
)
_SHARES = [(0.0, "0"), (0.5, "0.5"), (1.0, "1")]
_RATES = [(0.001, ".1"), (0.01, "1"), (0.1, "10"), (0.5, "50"), (0.9, "90")]
_RARE = [(0.0001, ".01"), (0.001, ".1"), (0.01, "1"), (0.1, "10"), (0.5, "50")]
_SHARE = partial(Axis, low=0.0, high=1.0, ticks=_SHARES)


def curves_section(findings: Findings) -> list[Section]:
    """A row of four drawings a detector, the surest first; no section where nothing can be drawn."""
    order = [cell.detector for cell in ranking(findings)]
    real = {cell.detector: cell.n_real - cell.abstained_real for cell in clean(findings) if cell.generator == ALL}
    drawings = [drawing for name in order for drawing in _drawings(findings, name, real.get(name, 0))]
    if not drawings:
        return []
    miss, alarm = findings.settings.get("cost_miss"), findings.settings.get("cost_false_alarm")
    text = _TEXT.format(costs=f"a miss costs {miss:g}, a false alarm {alarm:g}")
    return [Section(title="Curves", text=text, drawings=drawings, columns=4)]


def _drawings(findings: Findings, detector: str, n_real: int) -> list[Drawing]:
    curves = sorted(
        (each for each in findings.curves if each.detector == detector), key=lambda each: each.generator != ALL
    )
    if not curves:
        return []
    blind = 3 / n_real if n_real else 1.0
    drawn = [_roc(curves, detector, blind), _det(curves, detector, blind), _reliability(curves[0], detector)]
    return [*drawn, _cost(curves[0], detector)] if curves[0].cost else drawn


def _roc(curves: Sequence[Curves], detector: str, blind: float) -> Drawing:
    traces = [
        Trace(points=list(zip(each.fpr, each.tpr, strict=True)), words=_words(each), kind=_kind(each))
        for each in curves
    ]
    chance = Trace(points=[(0, 0), (1, 1)], words="chance", kind="chance")
    x, y = _SHARE(words="falsely accused"), _SHARE(words="caught")
    return plane([*traces, chance], x, y, title=f"{detector}: ROC", blind=blind)


def _det(curves: Sequence[Curves], detector: str, blind: float) -> Drawing:
    """Between 0.1 and 95 % on both axes: the normal scale has no ends."""
    axis = partial(Axis, low=0.001, high=0.95, ticks=_RATES, way=lambda value: float(stats.norm.ppf(value)))
    traces = [
        Trace(
            points=[(fpr, 1 - tpr) for fpr, tpr in zip(each.fpr, each.tpr, strict=True)],
            words=_words(each),
            kind=_kind(each),
        )
        for each in curves
    ]
    chance = Trace(points=[(p, 1 - p) for p in np.linspace(0.05, 0.95, 31).tolist()], words="chance", kind="chance")
    x, y = axis(words="falsely accused, %"), axis(words="missed, %")
    return plane([*traces, chance], x, y, title=f"{detector}: DET", blind=blind)


def _reliability(curve: Curves, detector: str) -> Drawing:
    points = [(probability, share) for probability, share, _ in curve.reliability]
    bins = Trace(points=points, words="bins", sizes=[float(n) for _, _, n in curve.reliability])
    meant = Trace(points=[(0, 0), (1, 1)], words="as it says", kind="chance")
    x, y = _SHARE(words="probability it gave"), _SHARE(words="share generated")
    return plane([bins, meant], x, y, title=f"{detector}: reliability")


def _cost(curve: Curves, detector: str) -> Drawing:
    prevalence = [row[0] for row in curve.cost]
    frozen, hindsight, blind = ([(row[0], row[place]) for row in curve.cost] for place in (1, 2, 3))
    traces = [
        Trace(points=frozen, words="at the frozen threshold"),
        Trace(points=hindsight, words="at the best threshold in hindsight", kind="second"),
        Trace(points=blind, words="without a detector", kind="chance"),
    ]
    top = max(max(row[1], row[3]) for row in curve.cost) or 1.0
    x = Axis(
        words="generated videos, %",
        low=prevalence[0],
        high=prevalence[-1],
        ticks=_RARE,
        way=lambda p: float(np.log10(p)),
    )
    y = Axis(
        words="cost of a clip", low=0.0, high=top, ticks=[(0.0, "0"), (top / 2, f"{top / 2:.2g}"), (top, f"{top:.2g}")]
    )
    return plane(traces, x, y, title=f"{detector}: cost")


def _kind(curve: Curves) -> Literal["first", "others"]:
    return "first" if curve.generator == ALL else "others"


def _words(curve: Curves) -> str:
    return "all generators" if curve.generator == ALL else curve.generator
