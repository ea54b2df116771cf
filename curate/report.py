"""The corpus report: the funnel that sums, what each threshold dropped, where the scores lie, and clips to look at."""

import io
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from curate.corpus import ClipRef, Corpus, is_corpus, open_corpus
from curate.errors import EmoforgeError
from curate.page import Picture, Section, Video, render
from curate.records import Threshold

GALLERY_CLIPS = 12
MAX_ROWS = 500


def write_report(run: Path, *, keep: Mapping[str, Threshold], title: str) -> Path:
    """Write RUN/report.html from the run's tables."""
    outcomes, clips = pd.read_parquet(run / "outcomes.parquet"), pd.read_parquet(run / "clips.parquet")
    kept = clips[clips.dropped_by.isna()]
    lead = (
        f"{len(outcomes)} sources in, {len(kept)} clips kept, {kept.duration_s.sum() / 60:.1f} min "
        f"({round(kept.duration_s.sum() * 25):,} frames at 25 fps). Every source ends in exactly one outcome."
    )
    sections = [
        Section(title="Funnel", table=funnel(outcomes)),
        Section(title="Kept clips", videos=_gallery(run)),
        Section(title="Why clips were dropped", table=_dropped(clips)),
        Section(
            title="Scores against thresholds",
            text="Kept clips in blue, dropped ones in grey; the range that is kept lies between the red lines.",
            pictures=[Picture(content=_histograms(clips, keep))],
        ),
        _sources_section(outcomes),
    ]
    page = run / "report.html"
    page.write_text(render(title, sections, lead=lead), encoding="utf-8")
    return page


def funnel(outcomes: pd.DataFrame) -> pd.DataFrame:
    """Return one row an outcome and reason with its sources, then their sum, which is the number of inputs."""
    counts = outcomes.groupby(["outcome", "reason"], as_index=False).agg(
        sources=("uri", "size"), clips=("n_clips", "sum")
    )
    total = {"outcome": "all", "reason": "", "sources": counts.sources.sum(), "clips": counts.clips.sum()}
    return pd.concat([counts, pd.DataFrame([total])], ignore_index=True)


def _dropped(clips: pd.DataFrame) -> pd.DataFrame:
    dropped = clips[clips.dropped_by.notna()]
    return dropped.groupby("dropped_by", as_index=False).agg(
        clips=("clip_id", "size"), seconds=("duration_s", "sum"), example=("dropped_detail", "first")
    )


def _sources_section(outcomes: pd.DataFrame) -> Section:
    """Refused sources first: they are what a reader comes for."""
    order = outcomes.outcome.map({"quarantined": 0, "rejected": 1, "kept": 2})
    table = outcomes.assign(order=order).sort_values("order", kind="stable").drop(columns=["order", "source_id"])
    shown = table.assign(uri=[Path(uri).name for uri in table.uri])
    rest = f" The first {MAX_ROWS} are shown." if len(table) > MAX_ROWS else ""
    return Section(title="Sources", text=f"All of them are in outcomes.parquet.{rest}", table=shown.head(MAX_ROWS))


def _gallery(run: Path) -> list[Video]:
    """Return clips spread over the corpus; a corpus without any has none."""
    if not is_corpus(run):
        return []
    try:
        corpus = open_corpus(run)
    except EmoforgeError:
        return []
    spread = np.unique(np.linspace(0, len(corpus.clips) - 1, GALLERY_CLIPS).round().astype(int))
    return [_clip_video(corpus, corpus.clips[i]) for i in spread]


def _clip_video(corpus: Corpus, ref: ClipRef) -> Video:
    name = Path(corpus.row(ref, ["uri"])["uri"]).name
    return Video(source=corpus.video(ref), caption=f"{name}, {ref.duration_s:.1f} s, {ref.clip_id}")


def _histograms(clips: pd.DataFrame, keep: Mapping[str, Threshold]) -> bytes:
    from matplotlib.figure import Figure

    names = [name for name in keep if name in clips and clips[name].notna().any()]
    columns = 4
    rows = max(1, -(-len(names) // columns))
    figure = Figure(figsize=(12, 2.2 * rows), layout="constrained")
    for place, name in enumerate(names, start=1):
        axes = figure.add_subplot(rows, columns, place)
        known = clips[clips[name].notna()]
        values, is_kept = known[name], known.dropped_by.isna()
        bins = np.histogram_bin_edges(values, bins=20)
        axes.hist([values[is_kept], values[~is_kept]], bins=list(bins), stacked=True, color=["#2f5bea", "#b8bfcc"])
        for bound in (keep[name].min, keep[name].max):
            if bound is not None:
                axes.axvline(bound, color="#d33", linewidth=1)
        axes.set_title(name, fontsize=9)
        axes.tick_params(labelsize=7)
    picture = io.BytesIO()
    figure.savefig(picture, format="png", dpi=110)
    return picture.getvalue()
