"""The detection report's first screen: the answer in plain words, what to doubt, and the table of detectors."""

from __future__ import annotations

import pandas as pd

from curate.page import Section
from evaluate.detection.answers import TO, answer, clean, matched, ranking, resolved_rate, shown
from evaluate.detection.findings import ALL, Cell, Findings, Number
from evaluate.detection.score_table import MATCHED, ORIGINAL

_TABLE = (
    "AUC: how often a generated clip scores above a real one; 0.5 is chance, 1 is always. In brackets the 95 % "
    "interval, by drawing people and sources anew, not clips. A detector whose interval reaches 0.5 has not been "
    "shown to see anything."
)
_BEFORE = " As they came: on the files before matching, where shortcuts count too."
STAGES = (ORIGINAL, MATCHED)


def figures(findings: Findings) -> dict[str, str]:
    """The few numbers to be seen first."""
    best = answer(findings).best
    if best is None:
        return {}
    auc = best.numbers["auc"]
    found = {f"AUC of {best.detector}{_ends(auc)}; 0.5 is chance": f"{auc.value:.2f}"}
    if (resolved := resolved_rate(best)) is not None:
        rate, caught = resolved
        found[f"caught if {100 * rate:g} % of real clips may be falsely accused"] = _percent(caught)
    else:
        found[f"caught at 10 % false alarms: {best.n_real} real clips can't say"] = "–"
    found["falsely accused at a threshold chosen on other clips"] = _percent(best.numbers.get("fpr_at_threshold"))
    found[f"real clips, of {_independent(best.clusters_real)}"] = f"{best.n_real:,}"
    found[f"generated clips, of {_independent(best.clusters_fake)}"] = f"{best.n_fake:,}"
    return found | _shortcuts_counted(findings)


def _shortcuts_counted(findings: Findings) -> dict[str, str]:
    """How many trivial features give the generated clips away, before and after matching."""
    if not findings.shortcuts:
        return {}
    told = {
        stage: {each.feature for each in findings.shortcuts if each.warns and each.stage == stage} for stage in STAGES
    }
    return {f"shortcuts left after matching; {len(told[ORIGINAL])} in the files as they came": f"{len(told[MATCHED])}"}


def answer_sections(findings: Findings) -> list[Section]:
    """What the answer stands on, then what must be doubted about it."""
    lines = pd.DataFrame(answer(findings).lines, columns=["question", "what these clips say"])
    sections = [Section(title="In short", table=lines)] if len(lines) else []
    if findings.warnings:
        sections.append(Section(title="What to doubt", warnings=findings.warnings))
    return sections


def table_section(findings: Findings) -> Section:
    """A row a detector, the surest first: AUC by generator, and what it does at a threshold."""
    before = _BEFORE if any(cell.condition == ORIGINAL for cell in findings.cells) else ""
    return Section(
        title="Detectors and generators", text=f"{_TABLE} {matched(findings)}{before}", table=detectors_table(findings)
    )


def detectors_table(findings: Findings) -> pd.DataFrame:
    """One row a detector: AUC over all generators and of each, then the operating points and abstentions."""
    cells = {(cell.detector, cell.generator): cell for cell in clean(findings)}
    before = {
        cell.detector: cell
        for cell in findings.cells
        if (cell.condition, cell.generator, cell.subgroup, cell.fitted_without) == (ORIGINAL, ALL, "", "")
    }
    generators = list(dict.fromkeys(generator for _, generator in cells))
    ranked = [cell.detector for cell in ranking(findings)]
    silent = sorted({detector for detector, _ in cells} - set(ranked))
    rows = [
        {
            "detector": detector,
            **{_named(generator): _auc(cells.get((detector, generator))) for generator in generators},
            **({"all, as they came": _auc(before.get(detector))} if before else {}),
            **_points(cells[detector, ALL]),
        }
        for detector in (*ranked, *silent)
    ]
    return pd.DataFrame(rows)


def _points(cell: Cell) -> dict[str, str]:
    total = cell.n_real + cell.n_fake
    return {
        "caught": _percent(cell.numbers.get("tpr_at_threshold")),
        "falsely accused": _percent(cell.numbers.get("fpr_at_threshold")),
        "EER": _percent(cell.numbers.get("equal_error_rate")),
        "no answer": f"{cell.abstained_real + cell.abstained_fake} of {total:,}",
    }


def _named(generator: str) -> str:
    return "all generators" if generator == ALL else generator


def _auc(cell: Cell | None) -> str:
    """The interval is one word, so that a narrow column breaks before it."""
    return "–" if cell is None else shown(cell.numbers.get("auc"))


def _percent(number: Number | None) -> str:
    return "–" if number is None or number.value is None else f"{100 * number.value:.0f}\N{NO-BREAK SPACE}%"


def _ends(number: Number) -> str:
    return "" if number.low is None or number.high is None else f" ({number.low:.2f}{TO}{number.high:.2f})"


def _independent(clusters: int) -> str:
    return "one person or source" if clusters == 1 else f"{clusters:,} people or sources"
