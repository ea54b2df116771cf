"""The findings as a section of a model card, in Markdown: what was asked, what came out, what it can't say."""

from __future__ import annotations

from collections.abc import Iterable

from evaluate.detection.answers import answer, clean, matched, ranking, shown
from evaluate.detection.findings import ALL, Findings
from evaluate.detection.iso_table import escaped


def model_card(findings: Findings) -> str:
    """A section to paste into a model card; names come from strangers and are escaped."""
    said = answer(findings)
    parts = [
        "## Detectability as synthetic video",
        escaped(said.headline),
        _listed(f"{question} {text}" for question, text in said.lines),
        "### Detectors",
        _table(findings),
        "### What this can't say",
        _listed(findings.warnings) or "- Nothing beyond the detectors, generators and people that were tried.",
        _how(findings),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _listed(lines: Iterable[str]) -> str:
    return "\n".join(f"- {escaped(line)}" for line in lines)


def _table(findings: Findings) -> str:
    cells = {(cell.detector, cell.generator): cell for cell in clean(findings)}
    generators = list(dict.fromkeys(generator for _, generator in cells))
    names = ["all generators" if generator == ALL else escaped(generator) for generator in generators]
    lines = [["detector", *(f"AUC, {name}" for name in names), "caught", "falsely accused"]]
    lines.append(["---"] * len(lines[0]))
    for cell in ranking(findings):
        found = [cells.get((cell.detector, generator)) for generator in generators]
        aucs = ["–" if each is None else shown(each.numbers.get("auc")) for each in found]
        rates = [shown(cell.numbers.get(f"{rate}_at_threshold"), percent=True) for rate in ("tpr", "fpr")]
        lines.append([escaped(text) for text in (cell.detector, *aucs, *rates)])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _how(findings: Findings) -> str:
    return (
        f"{matched(findings)} Intervals are 95 %, by drawing people and sources anew "
        f"({findings.settings.get('draws')} draws). Caught and falsely accused are at thresholds "
        "chosen on other clips. Measured with `emoforge detect`; definitions are in its `results.json`."
    )
