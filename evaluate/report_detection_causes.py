"""The detection report on causes: shortcuts before and after matching, subgroups, quality, and controls."""

from __future__ import annotations

import pandas as pd

from curate.page import Section
from evaluate.detection.answers import ranking, shown
from evaluate.detection.findings import ALL, Cell, Control, Findings, QualityLink, Shortcut
from evaluate.detection.score_table import MATCHED, ORIGINAL
from evaluate.report_drawings import Line, Mark, interval_plot

DRAWN, LISTED = 12, 40  # the strongest features or links

_SHORTCUTS = (
    "How well one trivial property of the file alone tells a generator's clips from real ones: AUC of the better "
    "direction, so 0.5 is nothing and 1 gives it away. Dashed: the files as they came; blue: after both sides passed "
    "the same crop, size, rate, length and codec. What is still far from 0.5 then may be what detectors catch."
)
_NO_SHORTCUTS = "Not probed: scores without videos can't say whether detectors caught the synthesis or the file format."
_QUALITY = (
    "Rank correlation of a detector's score with a quality number of the same generated clips, within each generator. "
    "Above 0: clips with a higher number look more synthetic to it. A link is no cause; with {n} of them looked at, "
    "about {chance} would lie off 0 by chance alone."
)
_SUBGROUPS = (
    "The clean clips of each group as {best} sees them, all generators, at the same frozen threshold. "
    "False accusations that differ between groups of people are a harm of their own, whatever the AUC."
)
_CONTROLS = (
    "Checks whose answer is known beforehand: with labels shuffled over people, or two halves of the real clips called "
    "real and generated, the AUC must be 0.5. A control off it means that something leaks."
)


def shortcuts_section(findings: Findings) -> list[Section]:
    """Trivial features, before and after matching; where there are none, what that means."""
    if not findings.shortcuts:
        return [Section(title="Shortcuts", warnings=(_NO_SHORTCUTS,))]
    pairs = _before_after(findings)
    marks = [mark for pair in pairs[:DRAWN] if (mark := _pair_mark(*pair)) is not None]
    drawings = [interval_plot(marks, title="The strongest, before and after matching", words="as it came")]
    return [
        Section(
            title="Shortcuts",
            text=_SHORTCUTS,
            drawings=drawings if marks else [],
            table=pd.DataFrame([_pair_row(*pair) for pair in pairs[:LISTED]]),
        )
    ]


def subgroups_section(findings: Findings) -> list[Section]:
    """A table a column of groups, for the best detector; no section where the table had no groups."""
    order = [cell.detector for cell in ranking(findings)]
    cells = [cell for cell in findings.cells if cell.subgroup and order and cell.detector == order[0]]
    if not cells:
        return []
    columns = list(dict.fromkeys(cell.subgroup.partition("=")[0] for cell in cells))
    parts = [
        Section(
            title=column.replace("_", " "),
            table=pd.DataFrame([_group_row(cell) for cell in cells if cell.subgroup.partition("=")[0] == column]),
        )
        for column in columns
    ]
    return [Section(title="Groups of clips", text=_SUBGROUPS.format(best=order[0]), parts=parts)]


def quality_section(findings: Findings) -> list[Section]:
    """What goes with being caught: a drawing for the best detector that has links, and the strongest of all.

    Over all generators; what each of them shows is in results.json, where a strong one is easily found by chance.
    """
    measured = [link for link in findings.quality if link.rho.value is not None]
    known = [link for link in measured if _is_broad(link, measured)]
    if not known:
        return []
    strongest = sorted(known, key=lambda link: -abs(link.rho.value or 0.0))
    names = [cell.detector for cell in ranking(findings)]
    best = next((name for name in names if any(link.detector == name for link in known)), known[0].detector)
    marks = [_link_mark(link) for link in strongest if link.detector == best]
    drawing = interval_plot(marks[:DRAWN], title=f"Scores of {best} against quality", words="no link")
    text = _QUALITY.format(n=len(known), chance=max(1, round(0.05 * len(known))))
    table = pd.DataFrame([_link_row(link) for link in strongest[:LISTED]])
    return [Section(title="What makes a clip detectable", text=text, drawings=[drawing], table=table)]


def controls_section(findings: Findings) -> list[Section]:
    """Every control and whether it holds."""
    if not findings.controls:
        return []
    return [
        Section(
            title="Controls", text=_CONTROLS, table=pd.DataFrame([_control_row(each) for each in findings.controls])
        )
    ]


def _before_after(findings: Findings) -> list[tuple[Shortcut | None, Shortcut | None]]:
    """(as it came, matched) of every feature, of the generator that it gives away most; the strongest first."""
    stages: dict[str, dict[tuple[str, str], Shortcut]] = {ORIGINAL: {}, MATCHED: {}}
    for each in findings.shortcuts:
        stages.setdefault(each.stage, {})[each.feature, each.generator] = each
    keys = dict.fromkeys((each.feature, each.generator) for each in findings.shortcuts)
    strongest: dict[str, tuple[float, tuple[str, str]]] = {}
    for key in keys:
        strength = max(_strength(stages[stage].get(key)) for stage in (ORIGINAL, MATCHED))
        if strength > strongest.get(key[0], (-1.0, key))[0]:
            strongest[key[0]] = (strength, key)
    ordered = sorted(strongest.values(), key=lambda item: (-item[0], item[1]))
    return [(stages[ORIGINAL].get(key), stages[MATCHED].get(key)) for _, key in ordered]


def _strength(shortcut: Shortcut | None) -> float:
    """How much is given away; after matching nothing may be left to measure."""
    return -0.5 if shortcut is None or shortcut.auc.value is None else shortcut.auc.value


def _pair_mark(before: Shortcut | None, after: Shortcut | None) -> Mark | None:
    named = before or after
    if named is None or after is None or after.auc.value is None:
        return None
    line = None if before is None or before.auc.value is None else Line(value=before.auc.value)
    label = f"{named.feature.replace('_', ' ')}, {_whose(named.generator)}"
    return Mark(
        label=label,
        value=after.auc.value,
        text=f"{after.auc.value:.2f}",
        low=after.auc.low,
        high=after.auc.high,
        real=line,
    )


def _pair_row(before: Shortcut | None, after: Shortcut | None) -> dict[str, str]:
    named = before or after
    if named is None:
        return {}
    higher = after.higher_is_fake if after is not None else named.higher_is_fake
    warns = after is not None and after.warns
    return {
        "property": named.feature.replace("_", " "),
        "gives away": _whose(named.generator),
        "AUC as it came": "–" if before is None else shown(before.auc),
        "AUC after matching": "–" if after is None else shown(after.auc),
        "generated clips have": "more" if higher else "less",
        "so": "still a shortcut" if warns else "removed" if before is not None and before.warns else "no shortcut",
    }


def _whose(generator: str) -> str:
    return "all generators" if generator == ALL else generator


def _group_row(cell: Cell) -> dict[str, str]:
    return {
        "group": cell.subgroup.partition("=")[2],
        "real clips": f"{cell.n_real:,}",
        "generated": f"{cell.n_fake:,}",
        "AUC": shown(cell.numbers.get("auc")),
        "caught": shown(cell.numbers.get("tpr_at_threshold"), percent=True),
        "falsely accused": shown(cell.numbers.get("fpr_at_threshold"), percent=True),
    }


def _is_broad(link: QualityLink, known: list[QualityLink]) -> bool:
    """Whether the link is over all generators, or there is none such of its detector and metric."""
    same = [each for each in known if (each.detector, each.metric) == (link.detector, link.metric)]
    return link.generator == ALL or all(each.generator != ALL for each in same)


def _link_mark(link: QualityLink) -> Mark:
    value = link.rho.value or 0.0
    return Mark(
        label=link.metric.replace("_", " "),
        value=value,
        text=f"{value:+.2f}, {link.n} clips",
        low=link.rho.low,
        high=link.rho.high,
        real=Line(value=0.0),
    )


def _link_row(link: QualityLink) -> dict[str, str]:
    low, high = link.rho.low, link.rho.high
    ends = "–" if low is None or high is None else f"{low:+.2f} to {high:+.2f}"
    off = low is not None and high is not None and not low <= 0 <= high
    return {
        "detector": link.detector,
        "quality number": link.metric.replace("_", " "),
        "generator": _whose(link.generator),
        "rank correlation": f"{link.rho.value:+.2f}",
        "interval": ends,
        "clips": f"{link.n:,}",
        "so": ""
        if not off
        else "more synthetic with more"
        if (link.rho.value or 0) > 0
        else "more synthetic with less",
    }


def _control_row(control: Control) -> dict[str, str]:
    low, high = control.auc.low, control.auc.high
    known = low is not None and high is not None
    holds = known and low is not None and high is not None and low <= 0.5 <= high
    return {
        "control": control.kind,
        "detector": control.detector,
        "AUC": shown(control.auc),
        "holds": "yes" if holds else "NO" if known else "can't be said",
        "what it is": control.text,
    }
