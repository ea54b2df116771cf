"""The report's part on scores: what each threshold dropped in turn, and where each score lies against its own."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from curate.borderline import Thresholds
from curate.corpus_statistics import in_words
from curate.page import Drawing, Section
from curate.records import Threshold
from curate.report_pictures import Bar, Bound, bar_chart, histogram
from curate.score_notes import score_notes
from curate.scoring import score_names

_NO_SCORES = {"shot", "start_s", "end_s", "n_frames"}


def cascade(clips: pd.DataFrame, keep: Thresholds, scorers: Sequence[str]) -> pd.DataFrame:
    """Return a row a threshold in the order of the scorers: clips that it dropped, and that were left after it.

    The first row has all clips that were found, the last what is kept. What dropped clips and is no threshold (a clip
    that can't be re-decided) comes after the thresholds.
    """
    by = clips.dropped_by.dropna()
    counts, seconds = by.value_counts(), clips.groupby("dropped_by").duration_s.sum()
    unmeasured = by[clips.loc[by.index].dropped_detail.str.contains("can't be measured", regex=False)].value_counts()
    thresholds = [name for scorer in scorers for name in score_names(scorer) if _has_threshold(name, keep)]
    names = [*thresholds, *sorted(set(counts.index) - set(thresholds))]
    rows = [
        {
            "threshold": name,
            "keeps": _ranges(name, keep),
            "dropped": int(counts.get(name, 0)),
            "of them can't be measured": int(unmeasured.get(name, 0)),
            "time dropped": in_words(float(seconds.get(name, 0.0))),
        }
        for name in names
    ]
    first = {"threshold": "all clips found", "keeps": "", "dropped": 0, "of them can't be measured": 0}
    table = pd.DataFrame([first | {"time dropped": in_words(0.0)}, *rows])
    return table.assign(left=len(clips) - table.dropped.cumsum())


def cascade_section(table: pd.DataFrame) -> Section:
    """Draw and list what the thresholds left, one after the other."""
    bars = [
        Bar(
            label=f"{name} {keeps}".strip(),
            parts=[(left, "kept"), (dropped, "dropped")],
            text=f"{left:,}" + (f"  (−{dropped:,})" if dropped else ""),
        )
        for name, keeps, left, dropped in zip(table.threshold, table.keeps, table.left, table.dropped, strict=True)
    ]
    text = "A clip is dropped by the first threshold that it fails: those further down never saw it."
    return Section(title="Clips through the thresholds", text=text, drawings=[bar_chart(bars)], table=table)


def scores_section(clips: pd.DataFrame, keep: Thresholds, scorers: Sequence[str]) -> Section:
    """Draw every score, those with a threshold first."""
    notes = score_notes(scorers)
    named = _score_names_of(clips)
    ordered = sorted(named, key=lambda name: not _has_threshold(name, keep))
    measured = [name for name in ordered if np.isfinite(clips[name].to_numpy(float)).any()]
    text = (
        "Kept clips in blue, dropped ones in grey; what lies in the red is dropped. A clip that was dropped early has "
        "no later scores, and a value that lies far out is in the outermost bar."
    )
    if unmeasured := [name for name in ordered if name not in measured]:
        text += f"\nMeasured on no clip: {', '.join(unmeasured)}."
    drawings = [_drawing(clips, name, keep, notes.get(name, "")) for name in measured]
    return Section(title="Scores against thresholds", text=text, drawings=drawings)


def _drawing(clips: pd.DataFrame, name: str, keep: Thresholds, note: str = "") -> Drawing:
    """Draw where one score lies, with the thresholds of the domains that the clips are of."""
    is_kept, values = clips.dropped_by.isna(), clips[name].to_numpy(float)
    domains = set(clips.domain.fillna("speech").unique())
    return histogram(
        values[is_kept.to_numpy()],
        values[~is_kept.to_numpy()],
        title=name,
        note=note,
        bounds=_bounds([keep[domain].get(name) for domain in keep if domain in domains]),
    )


def _score_names_of(clips: pd.DataFrame) -> list[str]:
    """Return the clips' columns that are scores: all numbers but where the clip lies in its source."""
    return [name for name in clips.columns if clips[name].dtype.kind == "f" and name not in _NO_SCORES]


def _has_threshold(name: str, keep: Thresholds) -> bool:
    return any(name in thresholds for thresholds in keep.values())


def _bounds(thresholds: Sequence[Threshold | None]) -> list[Bound]:
    """Return each end that some domain has, once; dashed unless all domains share it."""
    ends: dict[tuple[str, float], int] = {}
    for threshold in thresholds:
        if threshold is not None and threshold.min is not None:
            ends["min", threshold.min] = ends.get(("min", threshold.min), 0) + 1
        if threshold is not None and threshold.max is not None:
            ends["max", threshold.max] = ends.get(("max", threshold.max), 0) + 1
    return [
        Bound(value=value, side="min" if side == "min" else "max", some_clips=count < len(thresholds))
        for (side, value), count in ends.items()
    ]


def _ranges(name: str, keep: Thresholds) -> str:
    """Say which range is kept; where singing has another one, that too."""
    texts = {domain: _range(thresholds[name]) for domain, thresholds in keep.items() if name in thresholds}
    if len(set(texts.values())) == 1 and len(texts) == len(keep):
        return next(iter(texts.values()))
    return ", ".join(f"{domain} {text}" for domain, text in texts.items())


def _range(threshold: Threshold) -> str:
    ends = [("≥", threshold.min), ("≤", threshold.max)]
    text = " and ".join(f"{sign} {value:g}" for sign, value in ends if value is not None) or "any"
    return f"{text}, or unknown" if threshold.optional else text
