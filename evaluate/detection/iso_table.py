"""The findings in the form of ISO/IEC 30107-3, as CSV and Markdown: a row a detector and attack species."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from evaluate.detection.answers import shown
from evaluate.detection.findings import AttackRow, Findings, Number

WORST = "worst species"
RATES = ("10 %", "5 %", "1 %")

_NOTE = (
    "APCER: share of a generator's clips taken for real; BPCER: share of real clips taken for generated; both at a "
    "threshold chosen on other clips, of those that got an answer. APNRR, BPNRR: shares without one. 95 % intervals by "
    "drawing people and sources anew. In the form of ISO/IEC 30107-3; no conformance is claimed."
)


def iso_rows(findings: Findings) -> list[dict[str, str]]:
    """The rows as text, each detector's species and then its worst one: the standard reports the maximum."""
    rows = []
    for detector in dict.fromkeys(row.detector for row in findings.attacks):
        same = [row for row in findings.attacks if row.detector == detector]
        rows += [_row(row) for row in same]
        if len(same) > 1 and (worst := _worst(same)) is not None:
            rows.append(_row(worst) | {"species": f"{WORST}: {worst.species}"})
    return rows


def iso_csv(findings: Findings) -> str:
    """Rates as bare numbers with their ends, a row a detector and species; empty where there is none."""
    rows = [_bare(row) for row in findings.attacks]
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(rows[0]) if rows else ["detector", "species"], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def iso_markdown(findings: Findings) -> str:
    """The table to paste, with what its columns mean."""
    rows = iso_rows(findings)
    if not rows:
        return f"No attack was scored.\n\n{_NOTE}\n"
    lines = [list(rows[0]), ["---"] * len(rows[0]), *([escaped(cell) for cell in row.values()] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + f"\n\n{_NOTE}\n"


def escaped(text: str) -> str:
    """Text that Markdown takes as it is, on one line, with nothing invisible in it."""
    visible = text.replace("\N{WORD JOINER}", "")
    marked = "".join(f"\\{letter}" if letter in "\\`*_<>[]|#" else letter for letter in visible)
    return " ".join(marked.split())


def _worst(rows: Sequence[AttackRow]) -> AttackRow | None:
    known = [row for row in rows if row.apcer.value is not None]
    return max(known, key=lambda row: row.apcer.value or 0.0) if known else None


def _row(row: AttackRow) -> dict[str, str]:
    return {
        "detector": row.detector,
        "species": row.species,
        "attacks": f"{row.n_attacks:,}",
        "bona fide": f"{row.n_bona_fide:,}",
        "APCER": shown(row.apcer, percent=True),
        "BPCER": shown(row.bpcer, percent=True),
        **{f"BPCER at APCER {rate}": _at(row.bpcer_at.get(rate)) for rate in RATES},
        "APNRR": f"{100 * row.apnrr:.0f} %",
        "BPNRR": f"{100 * row.bpnrr:.0f} %",
    }


def _at(number: Number | None) -> str:
    if number is not None and number.value is None and number.absent.startswith("not resolvable"):
        return "not resolvable"
    return shown(number, percent=True)


def _bare(row: AttackRow) -> dict[str, object]:
    rates = {"apcer": row.apcer, "bpcer": row.bpcer}
    rates |= {f"bpcer_at_apcer_{rate.removesuffix(' %')}": row.bpcer_at.get(rate, Number(value=None)) for rate in RATES}
    found: dict[str, object] = {
        "detector": row.detector,
        "species": row.species,
        "n_attacks": row.n_attacks,
        "n_bona_fide": row.n_bona_fide,
    }
    for name, number in rates.items():
        found |= {name: _digits(number.value), f"{name}_low": _digits(number.low), f"{name}_high": _digits(number.high)}
    return found | {"apnrr": _digits(row.apnrr), "bpnrr": _digits(row.bpnrr)}


def _digits(value: float | None) -> str:
    return "" if value is None else f"{value:.9g}"
