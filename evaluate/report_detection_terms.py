"""The detection report's fine print: abstentions, the table of ISO/IEC 30107-3, definitions, settings, what was run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from curate.page import Section
from evaluate.detection.answers import clean, shown
from evaluate.detection.findings import ALL, Findings
from evaluate.detection.iso_table import iso_rows

_ABSTENTIONS = (
    "A detector that can't tell says so, with its reason, and the clip is in none of its numbers. If every such clip "
    "had been judged rightly or wrongly, the AUC would lie between the worst and the best case. A score of 0 in their "
    "place, as some tools give, would count as right on every real clip."
)
_ATTACKS = (
    "In the form of ISO/IEC 30107-3: every generator is an attack species. APCER is the share of its clips taken for "
    "real, BPCER of real clips taken for generated, at the frozen threshold; APNRR and BPNRR got no answer. The "
    "standard reports the worst species, not their mean. Also in iso_30107_3.csv and .md. No conformance is claimed: "
    "the standard is for attacks on a capture device, and these clips were not presented to one."
)


def abstentions_section(findings: Findings) -> list[Section]:
    """Who abstained how often and why, with the AUC's best and worst case; no section where nobody did."""
    rows = [
        {
            "detector": cell.detector,
            "real": f"{cell.abstained_real} of {cell.n_real:,}",
            "generated": f"{cell.abstained_fake} of {cell.n_fake:,}",
            "why": ", ".join(f"{reason.replace('_', ' ')} {count}" for reason, count in cell.abstentions.items()),
            "AUC of the answered": shown(cell.numbers.get("auc")),
            "worst case": shown(cell.numbers.get("auc_worst_case")),
            "best case": shown(cell.numbers.get("auc_best_case")),
        }
        for cell in clean(findings)
        if cell.generator == ALL and cell.abstained_real + cell.abstained_fake
    ]
    return [Section(title="No answer", text=_ABSTENTIONS, table=pd.DataFrame(rows))] if rows else []


def attacks_section(findings: Findings) -> list[Section]:
    """The table of ISO/IEC 30107-3."""
    rows = iso_rows(findings)
    return [Section(title="Attack species", text=_ATTACKS, table=pd.DataFrame(rows))] if rows else []


def terms_section(findings: Findings) -> Section:
    """What was run, with which settings, and what every number means."""
    kept = {name: value for name, value in findings.settings.items() if name != "definitions"}
    definitions = findings.settings.get("definitions")
    parts = [Section(title=title, table=table) for title, table in _tables(kept).items() if len(table)]
    if isinstance(definitions, Mapping):
        parts.append(Section(title="What the numbers mean", table=_table(definitions, "number", "meaning")))
    return Section(title="Fine print", parts=parts)


def _tables(kept: Mapping[str, object]) -> dict[str, pd.DataFrame]:
    """A table for every setting that has parts, and one for all that are single values."""
    single = {name: value for name, value in kept.items() if not isinstance(value, Mapping)}
    nested = {name: value for name, value in kept.items() if isinstance(value, Mapping)}
    titles = {"detectors": "Detectors", "missing": "Detectors that could not be run"}
    found = {titles.get(name, name.replace("_", " ").capitalize()): _table(nested[name], "name", "") for name in nested}
    return found | {"Settings": _table(single, "setting", "value")}


def _table(values: Mapping[Any, object], name: str, value: str) -> pd.DataFrame:
    return pd.DataFrame([(str(key), _text(each)) for key, each in values.items()], columns=[name, value])


def _text(value: object) -> str:
    return ", ".join(f"{name} {each}" for name, each in value.items()) if isinstance(value, Mapping) else str(value)
