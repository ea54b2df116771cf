"""The evaluation report: every number beside what it must be read against, then pictures, clips and the fine print."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from curate.page import Section, render
from evaluate.measure import Measured
from evaluate.paper_table import SOURCE, WHY_NOT, paper_table
from evaluate.report_clips import Clip, clips_section
from evaluate.report_drawings import strip
from evaluate.report_drift import drift_section
from evaluate.report_failures import failures_section
from evaluate.report_leaderboard import leaderboard_section, ranged
from evaluate.report_metrics import metrics_section
from evaluate.report_protocols import protocols_section, sets_section
from evaluate.system import REFERENCE, System
from evaluate.tables import by_metric

STRIP_CLIPS = 8


def write_report(
    folder: Path,
    systems: Sequence[System],
    *,
    inputs: Mapping[str, Any],
    places: Mapping[Clip, Path],
    previews: Mapping[Clip, bytes] | None = None,
) -> Path:
    """Write folder/report.html, one self-contained page, and return its path.

    `places` maps (set, clip name) to the file of those clips that are files; `previews` holds mp4s of those that
    `evaluate.report_clips.preview_tasks` asks for, as far as they could be made.
    """
    page = folder / "report.html"
    text = render_report(systems, inputs=inputs, places=places, previews=previews or {})
    page.write_text(text, encoding="utf-8", errors="replace")
    return page


def render_report(
    systems: Sequence[System],
    *,
    inputs: Mapping[str, Any],
    places: Mapping[Clip, Path],
    previews: Mapping[Clip, bytes],
) -> str:
    """The page as HTML; it grows with the number of systems and metrics, not of clips."""
    sections = [
        leaderboard_section(systems),
        metrics_section(systems),
        *clips_section(systems, places=places, previews=previews),
        *drift_section(systems),
        _frames_section(systems),
        Section(title="Table 1 of the EMO paper (not comparable)", text=f"{SOURCE}.\n{WHY_NOT}", table=paper_table()),
        *failures_section(systems),
        protocols_section(systems),
        sets_section(systems, inputs),
    ]
    names = ", ".join(system.name for system in systems)
    lead = (
        f"{names} against real clips. Every number stands beside what real clips give: read it against that, not alone."
    )
    return render("Evaluation", sections, lead=lead, figures=_figures(systems))


def _frames_section(systems: Sequence[System]) -> Section:
    sets = {REFERENCE: systems[0].sets.reference} | {system.name: system.sets.generated for system in systems}
    drawings = [
        strip(pictures, places=STRIP_CLIPS, title=name)
        for name, clips in sets.items()
        if (pictures := _thumbnails(clips))
    ]
    text = f"The middle frame of clips spread evenly over each set, at most {STRIP_CLIPS}."
    return Section(title="Frames", text=text, drawings=drawings)


def _thumbnails(clips: Sequence[Measured]) -> list[tuple[str, bytes]]:
    held = [(clip.name, clip.thumbnail) for clip in clips if clip.thumbnail is not None]
    places = np.linspace(0, len(held) - 1, min(len(held), STRIP_CLIPS)).round().astype(int)
    return [held[place] for place in places.tolist()]


def _figures(systems: Sequence[System]) -> dict[str, str]:
    metrics = by_metric(systems)
    measured = sum(any(result.value is not None for result in same) for same in metrics)
    stored = [result.reference_n.clips for result in systems[0].results if result.reference_n is not None]
    return {
        "systems" if len(systems) > 1 else "system": f"{len(systems):,}",
        "real clips": f"{max(len(systems[0].sets.reference), *stored, 0):,}",
        "generated clips each" if len(systems) > 1 else "generated clips": ranged(
            [len(system.sets.generated) for system in systems]
        ),
        "metrics with a number": f"{measured} of {len(metrics)}",
    }
