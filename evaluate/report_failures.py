"""What could not be measured: how many clips by reason, then the clips themselves."""

from collections.abc import Sequence

import pandas as pd

from curate.page import Section
from evaluate.results import Coverage
from evaluate.system import REFERENCE, System

ROWS, LONGEST = 200, 300

_TEXT = (
    "These clips are missing from the numbers of the metrics named, and count against their coverage. A system that "
    "fails on its hardest clips looks better than it is."
)


def failures_section(systems: Sequence[System]) -> list[Section]:
    """By reason, and clip by clip as far as they fit; no section where everything could be measured."""
    failures = failures_table(systems)
    if failures.empty:
        return []
    cut = f"The first {ROWS} of {len(failures):,}; all are in clips.parquet." if len(failures) > ROWS else ""
    rows = failures.head(ROWS).assign(reason=[_shortened(reason) for reason in failures.reason.head(ROWS)])
    parts = [
        Section(title="By reason", table=by_reason(failures)),
        Section(title="Clip by clip", text=cut, table=rows),
    ]
    return [Section(title="What could not be measured", text=_TEXT, parts=parts)]


def failures_table(systems: Sequence[System]) -> pd.DataFrame:
    """One row a clip and reason, the reference first: set, clip, reason, and the metrics that lack it."""
    found: dict[tuple[str, str, str], list[str]] = {}
    covered = [(REFERENCE, result.title, result.reference_coverage) for result in systems[0].results]
    covered += [
        (system.name, result.title, result.generated_coverage) for system in systems for result in system.results
    ]
    for name, title, coverage in covered:
        for clip, reason in _failed(coverage):
            found.setdefault((name, _encodable(clip), _encodable(reason)), []).append(title)
    rows = [
        {"set": name, "clip": clip, "reason": reason, "metrics": ", ".join(titles)}
        for (name, clip, reason), titles in found.items()
    ]
    return pd.DataFrame(rows, columns=["set", "clip", "reason", "metrics"])


def by_reason(failures: pd.DataFrame) -> pd.DataFrame:
    """One row a set and kind of reason (the word before its colon): clips, most first, and an example."""
    kinds = failures.assign(kind=[reason.partition(":")[0] for reason in failures.reason])
    counts = kinds.groupby(["set", "kind"], sort=False, as_index=False).agg(
        clips=("clip", "nunique"), example=("reason", "first")
    )
    ordered = counts.sort_values("clips", ascending=False, kind="stable").head(ROWS)
    return ordered.assign(example=[_shortened(example) for example in ordered.example])


def _failed(coverage: Coverage | None) -> list[tuple[str, str]]:
    return [] if coverage is None else sorted(coverage.failed.items())


def _encodable(text: str) -> str:
    """A file's name may hold bytes that are no text, which no table takes."""
    return text.encode("utf-8", "replace").decode()


def _shortened(text: str) -> str:
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
