"""The evaluation report: every number beside what it must be read against, then frames, clips and the fine print."""

import io
from collections.abc import Sequence, ValuesView
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from PIL import Image

from curate.page import Picture, Section, render
from evaluate.artefacts import clips_table
from evaluate.measure import Measured
from evaluate.results import Baseline, Count, Coverage, Result
from evaluate.sets import Sets

STRIP_CLIPS = 8
TABLE_CLIPS = 200
FEW_CLIPS = 30  # below, the mean over clips moves by more than systems differ
BLUE, GREY, RED = "#2f5bea", "#9aa4b8", "#d9534f"


def write_report(folder: Path, results: Sequence[Result], sets: Sets, *, inputs: dict[str, str | None]) -> Path:
    """Write folder/report.html, one self-contained page, and return its path."""
    page = folder / "report.html"
    page.write_text(render_report(results, sets, inputs=inputs), encoding="utf-8")
    return page


def render_report(results: Sequence[Result], sets: Sets, *, inputs: dict[str, str | None]) -> str:
    """The page as HTML."""
    clips = clips_table(results, sets)
    sections = [
        Section(title="Scores", text=_reading(results), table=score_table(results)),
        Section(title="Frames", text="The middle frame of each clip.", pictures=[Picture(content=frames_figure(sets))]),
        *_per_clip_sections(results, clips),
        *_failure_sections(clips),
        Section(title="Protocols", text=_protocol_text(), table=_protocol_table(results)),
    ]
    sizes = {"generated": len(sets.generated), "reference": len(sets.reference)}
    lead = " against ".join(f"{inputs[side]} ({n} clips)" for side, n in sizes.items())
    return render("Evaluation", sections, lead=lead)


def score_table(results: Sequence[Result]) -> pd.DataFrame:
    """One row a metric: value, what to read it against, which way is better, N and coverage."""
    return pd.DataFrame(
        [
            {
                "metric": f"{result.title} ({result.name})",
                "value": "absent" if result.value is None else _number(result.value),
                "better is": "higher" if result.higher_is_better else "lower",
                "read against": _baseline(result),
                "N, reference": _count(result.reference_n),
                "N, generated": _count(result.generated_n),
                "measured": _coverage(result.generated_coverage),
                "protocol": result.fingerprint[:8],
            }
            for result in results
        ]
    )


def frames_figure(sets: Sets) -> bytes:
    """PNG: one row of reference thumbnails over one of generated ones, at most eight of each, spread over the set."""
    rows = [("reference", _spread(sets.reference)), ("generated", _spread(sets.generated))]
    columns = max(len(clips) for _, clips in rows)
    figure = Figure(figsize=(12, 1.9 * 2 * 8 / max(columns, 8)), layout="constrained")
    axes = figure.subplots(2, max(columns, 8), squeeze=False)
    for row, (label, clips) in enumerate(rows):
        for axis in axes[row]:
            axis.set_axis_off()
        for axis, clip in zip(axes[row], clips, strict=False):
            axis.imshow(np.asarray(Image.open(io.BytesIO(clip.thumbnail or b""))))
            axis.set_title(
                f"{label}\n{_short(clip.name)}" if axis is axes[row][0] else f"\n{_short(clip.name)}", fontsize=7
            )
    return _png(figure)


def scores_figure(clips: pd.DataFrame, columns: Sequence[str]) -> bytes:
    """PNG: one panel a per-clip number, reference beside generated, one dot a clip and a line at the mean."""
    figure = Figure(figsize=(12, 3.0), layout="constrained")
    axes = figure.subplots(1, len(columns), squeeze=False)[0]
    for axis, column in zip(axes, columns, strict=True):
        for place, (side, colour) in enumerate((("reference", GREY), ("generated", BLUE))):
            values = clips[clips["set"] == side][column].dropna().to_numpy(float)
            spread = np.linspace(-0.18, 0.18, len(values)) if len(values) > 1 else np.zeros(len(values))
            axis.scatter(place + spread, values, s=22, color=colour, alpha=0.85, linewidths=0)
            if len(values):
                axis.hlines(values.mean(), place - 0.3, place + 0.3, color=RED, linewidth=1.2)
        axis.set_xticks([0, 1], ["reference", "generated"], fontsize=8)
        axis.set_xlim(-0.6, 1.6)
        axis.set_title(column.replace("_", " "), fontsize=9)
        axis.tick_params(labelsize=7)
        axis.spines[["top", "right"]].set_visible(False)
    return _png(figure)


def _per_clip_sections(results: Sequence[Result], clips: pd.DataFrame) -> list[Section]:
    columns = [column for result in results for column, values in result.per_clip.items() if _numeric(values.values())]
    if not columns:
        return []
    text = "One dot a clip, the line is the mean."
    plot = Section(title="Clips", text=text, pictures=[Picture(content=scores_figure(clips, columns))])
    return [plot, *(_clips_section(clips, side) for side in ("generated", "reference"))]


def _clips_section(clips: pd.DataFrame, side: str) -> Section:
    of_side = clips[clips["set"] == side].drop(columns=["set", "failures"])
    rest = f"The first {TABLE_CLIPS} of {len(of_side)}; all are in clips.parquet." if len(of_side) > TABLE_CLIPS else ""
    table = of_side.head(TABLE_CLIPS).rename(columns=lambda column: column.replace("_", " "))
    return Section(title=f"{side.capitalize()} clips", text=rest, table=table)


def _failure_sections(clips: pd.DataFrame) -> list[Section]:
    failed = clips[clips["failures"] != ""][["set", "name", "failures"]]
    if failed.empty:
        return []
    text = "These clips are missing from the metrics named, and count against their coverage."
    return [Section(title="What could not be measured", text=text, table=failed.head(TABLE_CLIPS))]


def _reading(results: Sequence[Result]) -> str:
    """What the reader must know before believing a number: absences and small samples first."""
    lines = [f"{result.title}: absent. {result.absent}." for result in results if result.absent]
    lines += [f"{result.title}: {note}." for result in results for note in result.notes]
    effective = [result.generated_n.clips for result in results if result.generated_n is not None]
    if effective and min(effective) < FEW_CLIPS:
        lines.append(f"The effective N is the number of clips, here {min(effective)}: too few to rank two systems by.")
    return "\n".join(line.replace("..", ".") for line in lines)


def _protocol_text() -> str:
    return (
        "Two numbers compare only under the same fingerprint: a hash of everything below and of the versions in "
        "results.json. None of them compares with a number printed in a paper."
    )


def _protocol_table(results: Sequence[Result]) -> pd.DataFrame:
    rows = []
    for result in results:
        flat = _flatten({key: value for key, value in result.protocol.items() if key not in ("versions", "weights")})
        weights = ", ".join(f"{name} {sha[:8]}" for name, sha in result.protocol.get("weights", {}).items())
        text = "; ".join(f"{key}: {value}" for key, value in flat.items() if key != "metric")
        baseline = result.floor or result.reference_value
        rows.append(
            {
                "metric": result.name,
                "fingerprint": result.fingerprint,
                "protocol": text,
                "weights (sha256)": weights,
                "read against": baseline.how if baseline else None,
            }
        )
    return pd.DataFrame(rows)


def _flatten(values: dict[str, object]) -> dict[str, object]:
    flat: dict[str, object] = {}
    for key, value in values.items():
        flat |= _flatten(value) if isinstance(value, dict) else {key: value}
    return flat


def _baseline(result: Result) -> str | None:
    if result.floor is not None:
        return f"real vs real: {_number(result.floor.value)} ({_halves(result.floor)} clips)"
    if result.reference_value is not None:
        return f"reference: {_number(result.reference_value.value)}"
    return None if result.absent or result.higher_is_better else "no floor: needs 4 reference clips"


def _halves(floor: Baseline) -> str:
    return " / ".join(str(half.clips) for half in floor.n)


def _count(count: Count | None) -> str | None:
    return None if count is None else f"{count.clips} clips, {count.frames} frames"


def _coverage(coverage: Coverage | None) -> str | None:
    return None if coverage is None else f"{coverage.measured} of {coverage.total}"


def _spread(clips: Sequence[Measured]) -> list[Measured]:
    shown = [clip for clip in clips if clip.thumbnail is not None]
    if not shown:
        return []
    return [shown[i] for i in np.unique(np.linspace(0, len(shown) - 1, STRIP_CLIPS).round().astype(int))]


def _numeric(values: ValuesView[float | str]) -> bool:
    return len(values) > 0 and all(isinstance(value, float) for value in values)


def _number(value: float) -> str:
    return f"{value:.4g}"


def _short(name: str) -> str:
    return name if len(name) <= 20 else f"{name[:18]}…"


def _png(figure: Figure) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110)
    return buffer.getvalue()
