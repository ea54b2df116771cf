"""The report's fine print: what every number depends on, and which sets were measured."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from curate.page import Section
from evaluate.results import Result
from evaluate.system import System
from evaluate.tables import by_metric

_TEXT = (
    "Two numbers compare only under the same fingerprint: a hash of everything below and of the versions in "
    "results.json. None of them compares with a number printed in a paper."
)


def protocols_section(systems: Sequence[System]) -> Section:
    """A row a metric and fingerprint: all systems share it unless something is wrong."""
    found: dict[str, list[Result]] = {}
    for same in by_metric(systems):
        for result in same:
            found.setdefault(result.fingerprint, []).append(result)
    rules = Section(title="How intervals and the numbers of real clips are made", table=_rules(list(found.values())))
    table = pd.DataFrame([_row(results[0]) for results in found.values()])
    return Section(title="Protocols", text=_TEXT, table=table, parts=[rules])


def sets_section(systems: Sequence[System], inputs: Mapping[str, Any]) -> Section:
    """Where the clips lie, and a hash of their names and bytes."""
    rows = [
        {"set": label, "place": given["place"], "split": given.get("split"), "sha256": given.get("sha256")}
        for label, given in inputs.items()
        if isinstance(given, Mapping) and "place" in given
    ]
    others = [f"{label}: {given}" for label, given in inputs.items() if isinstance(given, str)]
    max_frames = systems[0].sets.max_frames
    frames = "every frame" if max_frames is None else f"no more than {max_frames} frames of a clip"
    text = "\n".join([f"Distances look at {frames}.", *others])
    return Section(title="Sets", text=text, table=pd.DataFrame(rows) if rows else None)


def _row(result: Result) -> dict[str, Any]:
    flat = _flatten({key: value for key, value in result.protocol.items() if key not in ("versions", "weights")})
    weights = [f"{name} {str(sha)[:8]}" for name, sha in result.protocol.get("weights", {}).items()]
    return {
        "metric": f"{result.title} ({result.name})",
        "fingerprint": result.fingerprint,
        "protocol": "; ".join(f"{key}: {value}" for key, value in flat.items() if key != "metric"),
        "weights (sha256)": ", ".join(weights) or None,
    }


def _rules(found: Sequence[Sequence[Result]]) -> pd.DataFrame:
    """A row a protocol: the first of its results that has an interval, and real clips, says how they were made."""
    rows = []
    for results in found:
        interval = next((result.interval.how for result in results if result.interval is not None), None)
        real = next((how.how for result in results if (how := result.floor or result.reference_value)), None)
        rows.append({"metric": results[0].title, "interval": interval, "real clips": real})
    return pd.DataFrame(rows)


def _flatten(values: Mapping[str, Any], within: str = "") -> dict[str, Any]:
    """The same without nesting, by the path of names, so that none hides another."""
    flat: dict[str, Any] = {}
    for key, value in values.items():
        path = f"{within}.{key}" if within else key
        flat |= _flatten(value, path) if isinstance(value, Mapping) else {path: value}
    return flat
