"""The question of a safety lead, answered in plain words from the findings: can it be caught, by what, how surely?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from evaluate.detection.findings import ALL, Cell, Findings, Number
from evaluate.detection.score_table import MATCHED, ORIGINAL

SURE, STRONG = 0.5, 0.9  # AUC that the interval must stay above for "in part" and for "yes"
LIKELY = 0.8  # AUC that is no "not shown", though its interval reaches chance
FEW_CLUSTERS = 10  # people or sources, below which an interval holds for little more than these clips
TO = "\N{WORD JOINER}–\N{WORD JOINER}"  # an interval stays on one line
RATES = (0.1, 0.01, 0.001, 0.0001)


@dataclass(frozen=True, kw_only=True)
class Answer:
    """One sentence, then what it stands on as (question, answer); `best` is the cell of the detector it speaks of."""

    headline: str
    lines: tuple[tuple[str, str], ...]
    best: Cell | None


def answer(findings: Findings) -> Answer:
    """Say what the findings support and no more."""
    ranked = ranking(findings)
    if not ranked:
        return Answer(
            headline="It can't be said: no detector answered for both real and generated clips.", lines=(), best=None
        )
    best = ranked[0]
    lines = {
        "By what?": _by_what(best, findings),
        "At which false-alarm rate?": _false_alarms(best),
        "In use?": " ".join(filter(None, (_frozen(best), _alarms(best, findings)))),
        "How surely?": _surely(best, len(ranked)),
        "Which generators?": _generators(findings, best),
        "After processing?": _worst_condition(findings, best),
        "A generator never seen?": _unseen(findings),
    }
    return Answer(headline=_headline(best), lines=tuple(item for item in lines.items() if item[1]), best=best)


def ranking(findings: Findings) -> list[Cell]:
    """The clean cells over all generators that have an AUC, the best first; an abstention counts as a mistake here, so
    that answering for a few easy clips wins nothing."""
    cells = [cell for cell in clean(findings) if cell.generator == ALL and value_of(cell, "auc") is not None]
    return sorted(cells, key=lambda cell: (-(value_of(cell, "auc_worst_case") or 0.0), cell.detector))


def clean(findings: Findings) -> Iterator[Cell]:
    """The cells under MATCHED of detectors used as usual, not of subgroups."""
    for cell in findings.cells:
        if cell.condition == MATCHED and not cell.fitted_without and not cell.subgroup:
            yield cell


def perturbed(findings: Findings, detector: str, generator: str = ALL) -> list[Cell]:
    """A detector's cells under perturbations, in the findings' order."""
    return [
        cell
        for cell in findings.cells
        if (cell.detector, cell.generator) == (detector, generator)
        and cell.condition not in (MATCHED, ORIGINAL)
        and not cell.fitted_without
        and not cell.subgroup
    ]


def matched(findings: Findings) -> str:
    """Whether both sides passed the same processing before they were scored, as far as is known."""
    if "matching" in findings.settings:
        return "Real and generated clips passed the same crop, size, rate, length and codec before scoring."
    return "Scored elsewhere: whether real and generated clips passed the same crop and codec is not known here."


def value_of(cell: Cell, name: str) -> float | None:
    """The number's value, if the cell has it."""
    number = cell.numbers.get(name)
    return None if number is None else number.value


def shown(number: Number | None, *, percent: bool = False) -> str:
    """A number with its interval as text, or a dash."""
    if number is None or number.value is None:
        return "–"
    write = _percent if percent else _plain
    if number.low is None or number.high is None:
        return write(number.value)
    if percent:
        return f"{write(number.value)} ({_bare(number.low)}{TO}{write(number.high)})"
    return f"{write(number.value)} ({number.low:.2f}{TO}{number.high:.2f})"


def resolved_rate(cell: Cell) -> tuple[float, Number] | None:
    """The lowest false-alarm rate that the real clips resolve, and the share of generated clips caught at it."""
    found = [(rate, cell.numbers.get(f"tpr_at_fpr_{rate:g}")) for rate in RATES]
    known = [(rate, number) for rate, number in found if number is not None and number.value is not None]
    return known[-1] if known else None


def _plain(value: float) -> str:
    return f"{value:.2f}"


def _percent(value: float) -> str:
    return f"{_bare(value)}\N{NO-BREAK SPACE}%"


def _bare(value: float) -> str:
    return "<1" if 0 < value < 0.005 else f"{100 * value:.0f}"


def _floor(cell: Cell) -> float:
    """The lower end of the AUC's interval, widened for having picked this detector out of all."""
    low = cell.numbers.get("auc_if_picked", cell.numbers["auc"]).low
    return -1.0 if low is None else low


def _headline(best: Cell) -> str:
    floor, auc = _floor(best), best.numbers["auc"]
    if floor < 0:
        return (
            "It can't be said: there are too few independent people or sources. "
            f"On these clips {best.detector} does best, AUC {shown(auc)}."
        )
    if floor <= SURE and (auc.value or 0.0) >= LIKELY:
        luck = "so few people or sources can't exclude luck"
        if auc.low is not None and auc.low > SURE:
            luck = "it was picked as the best of several on so few people or sources, which may be luck"
        return f"Perhaps: {best.detector} does well on these clips, AUC {shown(auc)}, but {luck}."
    if floor <= SURE:
        return (
            f"Not shown: no detector here surely does better than chance. {best.detector} comes closest, "
            f"AUC {shown(auc)}. That is no proof that none can."
        )
    scope = "" if min(best.clusters_real, best.clusters_fake) >= FEW_CLUSTERS else " on these few clips"
    if floor > STRONG:
        return f"Yes{scope}: {best.detector} tells most of the generated clips from real ones, AUC {shown(auc)}."
    return f"In part{scope}: {best.detector} surely does better than chance, AUC {shown(auc)}."


def _by_what(best: Cell, findings: Findings) -> str:
    origins = findings.settings.get("detectors")
    origin = origins.get(best.detector) if isinstance(origins, Mapping) else None
    named = f"{best.detector} ({origin})" if origin else best.detector
    return f"{named}, AUC {shown(best.numbers['auc'])}; 0.5 is chance, 1 perfect."


def _surely(best: Cell, detectors: int) -> str:
    """What the interval covers, and what it can't."""
    auc, wide = best.numbers["auc"], best.numbers.get("auc_if_picked", best.numbers["auc"])
    people = f"{best.clusters_real} real and {best.clusters_fake} generated people or sources"
    if auc.low is None or auc.high is None:
        return f"There is no interval: {people}, where 3 of each are the least and {FEW_CLUSTERS} useful."
    text = f"The interval, 95 %, is over {people}; clips of one are nearly one sample."
    if detectors > 1 and wide.low is not None and wide.high is not None:
        text += f" Allowing for having picked the best of {detectors} detectors, AUC {wide.low:.2f}{TO}{wide.high:.2f}."
    return f"{text} Other people, cameras and generators are not in it."


def _false_alarms(best: Cell) -> str:
    found = resolved_rate(best)
    if found is None:
        return (
            f"{best.n_real} real clips can't resolve even 10 %: 30 are needed for that, 300 for 1 %, 3,000 for 0.1 %."
        )
    rate, caught = found
    below = "" if rate == RATES[-1] else f" Lower rates can't be resolved with {best.n_real} real clips."
    return (
        f"If {100 * rate:g} % of real clips may be falsely accused, it catches {shown(caught, percent=True)} of the "
        f"generated ones, its threshold chosen on these very clips.{below}"
    )


def _frozen(best: Cell) -> str:
    caught, alarms = best.numbers.get("tpr_at_threshold"), best.numbers.get("fpr_at_threshold")
    if caught is None or alarms is None or caught.value is None or alarms.value is None:
        return ""
    return (
        f"With a threshold chosen on other clips it catches {shown(caught, percent=True)} and falsely accuses "
        f"{shown(alarms, percent=True)} of the real ones."
    )


def _alarms(best: Cell, findings: Findings) -> str:
    """What an alarm is worth where generated videos are rare, at the doubtful end of the false alarms."""
    caught, alarms = value_of(best, "tpr_at_threshold"), best.numbers.get("fpr_at_threshold")
    prevalence = findings.settings.get("prevalence")
    if not caught or alarms is None or alarms.value is None or not isinstance(prevalence, float):
        return ""
    met, right = f"{100 * prevalence:g} %", prevalence * caught
    if alarms.value > 0:
        share = right / (right + (1 - prevalence) * alarms.value)
        return f"Where {met} of videos are generated, about {100 * share:.0f} of 100 alarms would be right."
    answered = best.n_real - best.abstained_real
    share = right / (right + (1 - prevalence) * min(1.0, 3 / answered))
    return (
        f"No false alarm among {answered} real clips leaves up to {min(100.0, 300 / answered):.2g} % possible; "
        f"where {met} of videos are generated, as few as {100 * share:.0f} of 100 alarms might be right."
    )


def _generators(findings: Findings, best: Cell) -> str:
    cells = [
        cell
        for cell in clean(findings)
        if cell.detector == best.detector and cell.generator != ALL and value_of(cell, "auc") is not None
    ]
    if len(cells) < 2:
        return ""
    ordered = sorted(cells, key=lambda cell: value_of(cell, "auc") or 0.0)
    hardest, easiest = ordered[0], ordered[-1]
    return (
        f"Hardest for it is {hardest.generator}, AUC {shown(hardest.numbers['auc'])}; easiest {easiest.generator}, "
        f"AUC {shown(easiest.numbers['auc'])}."
    )


def _worst_condition(findings: Findings, best: Cell) -> str:
    cells = [cell for cell in perturbed(findings, best.detector) if value_of(cell, "auc") is not None]
    if not cells:
        return ""
    worst = min(cells, key=lambda cell: value_of(cell, "auc") or 0.0)
    text = f"Of {len(cells)} ways, the worst for it is {worst.condition} {worst.severity}".rstrip()
    caught, alarms = worst.numbers.get("tpr_at_threshold"), worst.numbers.get("fpr_at_threshold")
    rates = f"{shown(caught, percent=True)} caught, {shown(alarms, percent=True)} falsely accused"
    return f"{text}: AUC {shown(worst.numbers['auc'])}; at the threshold of clean clips {rates}."


def _unseen(findings: Findings) -> str:
    """The fitted detector whose worst generator out of its fitting is the least bad."""
    by_detector: dict[str, list[Cell]] = {}
    for cell in findings.cells:
        if cell.fitted_without and value_of(cell, "auc") is not None:
            by_detector.setdefault(cell.detector, []).append(cell)
    if not by_detector:
        return ""
    worst = max((min(cells, key=_auc) for cells in by_detector.values()), key=_auc)
    return (
        f"Left out of its fitting, {worst.generator} is told from real ones by {worst.detector}, the steadiest fitted "
        f"detector, with AUC {shown(worst.numbers['auc'])}. Expect no more of a generator that comes tomorrow."
    )


def _auc(cell: Cell) -> float:
    return value_of(cell, "auc") or 0.0
