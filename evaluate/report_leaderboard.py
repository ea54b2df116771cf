"""The report's leaderboard: every number with its interval, what real clips give, how many clips, and what to doubt."""

import re
from collections.abc import Callable, Sequence

import pandas as pd

from curate.page import Section
from evaluate.results import Count, Coverage, Result
from evaluate.system import REFERENCE, System
from evaluate.tables import best, by_metric, number, shown, titled

FEW_CLIPS = 30  # below, the mean over clips moves by more than systems differ
COVERED = 0.9
WHOLE = 26
BEST = "★ "

_COUNTS = (
    "Clips measured of all clips, then the frames that were looked at. Clips count, not frames: those of one clip are "
    "nearly one sample. A clip that could not be measured is in none of the numbers, but in the total."
)


def leaderboard_section(systems: Sequence[System]) -> Section:
    """The table, then N and coverage, absent metrics and notes."""
    absent = _reasons(systems, lambda result: [result.absent] if result.absent else [])
    notes = _reasons(systems, lambda result: list(result.notes))
    parts = [Section(title="N and coverage", text=_COUNTS, table=counts_table(systems))]
    parts += [Section(title="Absent", table=absent)] if len(absent) else []
    parts += [Section(title="Notes", table=notes)] if len(notes) else []
    text = "\n".join([*(f"• {warning}" for warning in warnings(systems)), _how_to_read(systems)])
    return Section(title="Leaderboard", text=text, table=leaderboard_table(systems), parts=parts)


def leaderboard_table(systems: Sequence[System]) -> pd.DataFrame:
    """One row a metric: what to read its numbers against, a column a system with value and interval, N and coverage."""
    names = ["metric", "to read against", *(system.name for system in systems), "clips", "frames", "coverage"]
    return pd.DataFrame([_leaderboard_row(same) for same in by_metric(systems)], columns=names)


def counts_table(systems: Sequence[System]) -> pd.DataFrame:
    """One row a metric: clips measured of all, and frames, of the reference and of every system."""
    rows = []
    for same in by_metric(systems):
        generated = [_count(result.generated_coverage, result.generated_n) for result in same]
        rows.append([_whole(same[0].title), _count(same[0].reference_coverage, same[0].reference_n), *generated])
    return pd.DataFrame(rows, columns=["metric", REFERENCE, *(system.name for system in systems)])


def warnings(systems: Sequence[System]) -> list[str]:
    """What the reader must know before believing the numbers, the gravest first."""
    return [text for text in (_few(systems), _uneven(systems), _uncovered(systems), _mixed(systems)) if text]


def ranged(counts: Sequence[int], *, unit: str = "") -> str:
    """The least to the most of them."""
    if not counts:
        return "–"
    low, high = min(counts), max(counts)
    return f"{low:,}{unit}" if low == high else _unbroken(f"{low:,} to {high:,}{unit}")


def _leaderboard_row(same: Sequence[Result]) -> list[str]:
    first = best(same)
    values = [(BEST if place == first else "") + _unbroken(shown(result)) for place, result in enumerate(same)]
    real = list(dict.fromkeys(text for result in same if (text := _real(result))))
    counts = [result.generated_n for result in same if result.generated_n is not None]
    shares = [each.measured / each.total for r in same if (each := r.generated_coverage) is not None and each.total]
    return [
        _whole(titled(same[0])),
        " / ".join(real) or "–",
        *values,
        ranged([count.clips for count in counts]),
        ranged([count.frames for count in counts]),
        ranged([round(100 * share) for share in shares], unit="%"),
    ]


def _unbroken(text: str) -> str:
    """An interval or a range stays on one line."""
    return re.sub(r"(?<=[,\d]) (?=[\d-])|(?<=\d) (?=to )|(?<=to) ", "\N{NO-BREAK SPACE}", text)


def _whole(title: str) -> str:
    """A title of two or three words stays on one line, however many systems squeeze it."""
    return title.replace(" ", "\N{NO-BREAK SPACE}") if len(title) <= WHOLE else title


def _how_to_read(systems: Sequence[System]) -> str:
    """The legend, as far as the numbers have what it explains."""
    intervals = [result.interval for system in systems for result in system.results if result.interval is not None]
    lines = ["↑ higher is better, ↓ lower, ≈ nearer to the reference."]
    if intervals:
        lines.append(f"In brackets the {intervals[0].level:.0%} interval.")
    if len(systems) > 1:
        lines.append(f"{BEST}marks the best only where its interval overlaps no other's; elsewhere there is no winner.")
    return " ".join(lines)


def _reasons(systems: Sequence[System], texts_of: Callable[[Result], Sequence[str]]) -> pd.DataFrame:
    """One row a metric and text, with the systems that it is true of."""
    found: dict[tuple[str, str], list[str]] = {}
    for same in by_metric(systems):
        for system, result in zip(systems, same, strict=True):
            for text in texts_of(result):
                found.setdefault((result.title, text), []).append(system.name)
    rows = [
        {"metric": title, "why": text, "systems": "all" if len(names) == len(systems) else ", ".join(names)}
        for (title, text), names in found.items()
    ]
    return pd.DataFrame(rows)


def _few(systems: Sequence[System]) -> str:
    counts = {
        f"{result.title} of {system.name}": result.generated_n.clips
        for system in systems
        for result in system.results
        if result.value is not None and result.generated_n is not None
    }
    counts |= {f"{result.title} of the reference": n for result in systems[0].results if (n := _real_clips(result))}
    if not counts or min(counts.values()) >= FEW_CLIPS:
        return ""
    fewest = min(counts, key=lambda name: (counts[name], name))
    return (
        f"Too few clips to tell systems apart: only {counts[fewest]} behind {fewest}, where {FEW_CLIPS} are the least "
        "to ask for."
    )


def _real_clips(result: Result) -> int:
    return 0 if result.reference_n is None or result.value is None else result.reference_n.clips


def _uneven(systems: Sequence[System]) -> str:
    uneven = [
        same[0].title
        for same in by_metric(systems)
        if same[0].floor is not None and len({_clips(result) for result in same if result.value is not None}) > 1
    ]
    if not uneven:
        return ""
    return f"Distances move with the number of clips, which is not the same for all systems: {', '.join(uneven)}."


def _uncovered(systems: Sequence[System]) -> str:
    lacking = dict.fromkeys(
        f"{system.name} ({coverage.measured} of {coverage.total} in {result.title})"
        for system in systems
        for result in system.results
        if (coverage := result.generated_coverage) is not None and 0 < coverage.measured < COVERED * coverage.total
    )
    if not lacking:
        return ""
    named = ", ".join(list(lacking)[:5]) + (f" and {len(lacking) - 5} more" if len(lacking) > 5 else "")
    return f"Some numbers are of those clips only that could be measured, fewer than nine in ten: {named}."


def _mixed(systems: Sequence[System]) -> str:
    mixed = [
        same[0].title
        for same in by_metric(systems)
        if len({result.fingerprint for result in same if result.value is not None}) > 1
    ]
    return f"Systems measured under different protocols, not to be compared: {', '.join(mixed)}." if mixed else ""


def _real(result: Result) -> str:
    if result.floor is not None:
        halves = " / ".join(str(half.clips) for half in result.floor.n)
        return f"real vs real {number(result.floor.value)} ({halves} clips)"
    if result.reference_value is None:
        return ""
    interval = result.reference_interval
    ends = f" [{number(interval.low)}, {number(interval.high)}]" if interval else ""
    return _unbroken(f"{REFERENCE} {number(result.reference_value.value)}{ends}")


def _count(coverage: Coverage | None, count: Count | None) -> str:
    clips = "–" if coverage is None else f"{coverage.measured:,} of {coverage.total:,}"
    return clips if count is None else f"{clips}; {count.frames:,} frames"


def _clips(result: Result) -> int:
    return 0 if result.generated_n is None else result.generated_n.clips
