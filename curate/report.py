"""The corpus report: what became of every source and clip, clips to look at, and what the corpus holds."""

from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from curate import corpus_statistics
from curate.borderline import Thresholds, borderline_drops
from curate.corpus import ClipRef, Corpus, is_corpus, open_corpus
from curate.corpus_statistics import in_words
from curate.errors import EmoforgeError
from curate.media import CORPUS_FPS
from curate.page import Section, Video, render
from curate.previews import local_file
from curate.report_coverage import coverage_section
from curate.report_pictures import Bar, Colour, bar_chart
from curate.report_scores import cascade, cascade_section, scores_section
from curate.store import Place, Store, open_store

GALLERY_CLIPS = 12
GALLERY_BYTES = 7 << 20  # of mp4: a third more in the page
MAX_ROWS, MAX_ORIGINS, MAX_TEXT = 500, 100, 300
CAPTION_SCORES = ("face_size", "sharpness", "speech_ratio", "snr")

_COLOURS: Mapping[str, Colour] = {"kept": "kept", "rejected": "refused", "quarantined": "failed"}
_UNREAD = {"sha256", "retrieved_at", "last_scorer"}


def write_report(
    run: Place,
    page: Path,
    *,
    keep: Thresholds,
    scorers: Sequence[str],
    title: str,
    previews: Mapping[str, bytes] | None = None,
) -> Path:
    """Write `page` from the run's tables, one self-contained file, and return it.

    `keep` holds the thresholds by domain, `scorers` their order; `previews` are mp4s of dropped clips by clip id.
    """
    store = open_store(run)
    outcomes = pq.read_table(store.open("outcomes.parquet")).to_pandas()
    clips = read_clips(store)
    kept = clips[clips.dropped_by.isna()]
    corpus = _corpus(store)
    sections = [
        _funnel_section(outcomes),
        cascade_section(cascade(clips, keep, scorers)),
        _kept_section(corpus, kept),
        _borderline_section(clips, keep, previews or {}),
        scores_section(clips, keep, scorers),
        _holdings_section(kept),
        _people_section(store, kept),
        *coverage_section(corpus, kept),
        _provenance_section(kept),
        _sources_section(outcomes),
    ]
    lead = "Every source ends in exactly one outcome, and every clip that was found is kept or dropped for one reason."
    figures = key_figures(outcomes, kept)
    page.write_text(render(title, sections, lead=lead, figures=figures), encoding="utf-8", errors="replace")
    return page


def read_clips(run: Place) -> pd.DataFrame:
    """Return the run's clips, kept and dropped, without the columns that no report shows."""
    file = pq.ParquetFile(open_store(run).open("clips.parquet"))
    read = [name for name in file.schema_arrow.names if name not in _UNREAD]
    clips: pd.DataFrame = file.read(columns=read).to_pandas()
    return clips


def funnel(outcomes: pd.DataFrame) -> pd.DataFrame:
    """Return one row an outcome and reason with its sources, then their sum, which is the number of inputs."""
    counts = outcomes.groupby(["outcome", "reason"], as_index=False).agg(
        sources=("uri", "size"), clips=("n_clips", "sum")
    )
    total = {"outcome": "all", "reason": "", "sources": counts.sources.sum(), "clips": counts.clips.sum()}
    return pd.concat([counts, pd.DataFrame([total])], ignore_index=True)


def key_figures(outcomes: pd.DataFrame, kept: pd.DataFrame) -> dict[str, str]:
    """Return what a reader wants to know first, by what it counts."""
    seconds = float(kept.duration_s.sum())
    figures = {
        "sources in": f"{len(outcomes):,}",
        "clips kept": f"{len(kept):,}",
        "kept": in_words(seconds),
        f"frames at {CORPUS_FPS} fps": f"{round(seconds * CORPUS_FPS):,}",
    }
    if "speech_ratio" in kept and kept.speech_ratio.notna().any():
        spoken = float((kept.duration_s * kept.speech_ratio).sum())
        figures["of speech"] = in_words(spoken)
    return figures


def _corpus(store: Store) -> Corpus | None:
    """Return the run's corpus; none when no clip was kept."""
    if not is_corpus(store):
        return None
    try:
        return open_corpus(store)
    except EmoforgeError:
        return None


def _funnel_section(outcomes: pd.DataFrame) -> Section:
    table = funnel(outcomes)
    rows = table[table.outcome != "all"].sort_values("sources", ascending=False, kind="stable").head(30)
    bars = [
        Bar(
            label=f"{outcome}: {reason}" if reason else str(outcome),
            parts=[(sources, _COLOURS.get(outcome, "dropped"))],
            text=f"{sources:,}",
        )
        for outcome, reason, sources in zip(rows.outcome, rows.reason, rows.sources, strict=True)
    ]
    text = "Each source is kept, rejected (it is not what was asked for) or quarantined (something failed)."
    return Section(title="Sources and outcomes", text=text, drawings=[bar_chart(bars)], table=table)


def _kept_section(corpus: Corpus | None, kept: pd.DataFrame) -> Section:
    title = "Kept clips"
    if corpus is None:
        return Section(title=title, text="No clip was kept.")
    rows = kept.drop_duplicates("clip_id").set_index("clip_id")
    chosen = _that_fit(corpus.clips)
    shown = f"{len(chosen)} of {len(corpus.clips):,} clips, spread over the corpus, as its shards hold them."
    return Section(title=title, text=shown, videos=[_kept_video(corpus, ref, rows) for ref in chosen])


def _that_fit(clips: Sequence[ClipRef]) -> list[ClipRef]:
    """Return clips spread evenly over the corpus, fewer where they are large: the page is to stay small."""
    for count in range(min(GALLERY_CLIPS, len(clips)), 0, -1):
        places = np.linspace(0, len(clips) - 1, count).round().astype(int)
        chosen = [clips[place] for place in places.tolist()]
        if sum(ref.video_size for ref in chosen) <= GALLERY_BYTES:
            return chosen
    return []


def _kept_video(corpus: Corpus, ref: ClipRef, rows: pd.DataFrame) -> Video:
    caption = f"{ref.clip_id}, {ref.duration_s:.1f} s"
    if ref.clip_id in rows.index:
        row = rows.loc[ref.clip_id]
        scores = [f"{name} {row[name]:.3g}" for name in CAPTION_SCORES if name in row and pd.notna(row[name])]
        caption = ", ".join([f"{file_name(str(row.uri))}: {ref.duration_s:.1f} s from {row.start_s:.1f} s", *scores])
    try:
        return Video(source=corpus.video(ref), caption=caption)
    except (EmoforgeError, FileNotFoundError) as error:
        return Video(source=None, absent=str(error), caption=caption)


def _borderline_section(clips: pd.DataFrame, keep: Thresholds, previews: Mapping[str, bytes]) -> Section:
    drops = borderline_drops(clips, keep)
    parts = [
        Section(title=str(reason), videos=_borderline_videos(drops[drops.dropped_by == reason], previews))
        for reason in drops.dropped_by.unique()
    ]
    text = (
        "The dropped clips that came nearest to being kept, by the threshold that dropped them: a few seconds of the "
        "source's whole picture, since dropped clips are never encoded."
        if parts
        else "No clip was dropped by a score that could be measured."
    )
    return Section(title="Borderline drops", text=text, parts=parts)


def _borderline_videos(drops: pd.DataFrame, previews: Mapping[str, bytes]) -> list[Video]:
    columns = zip(drops.clip_id, drops.uri, drops.start_s, drops.duration_s, drops.dropped_detail, strict=True)
    return [
        Video(
            source=previews.get(clip_id),
            absent="no preview could be made" if local_file(uri) else "the source is not on this machine any more",
            caption=f"{detail}. {file_name(uri)}: {duration_s:.1f} s from {start_s:.1f} s",
        )
        for clip_id, uri, start_s, duration_s, detail in columns
    ]


def _holdings_section(kept: pd.DataFrame) -> Section:
    tables = {
        "By domain": corpus_statistics.time_by(kept, kept.domain, "domain"),
        "By language": corpus_statistics.time_by(kept, corpus_statistics.languages(kept), "language"),
    }
    text = "Time of the kept clips. A language is what a manifest's column `language` says; none is guessed."
    parts = [Section(title=words, table=table) for words, table in tables.items()]
    return Section(title="Domains and languages", text=text, parts=parts)


def _people_section(store: Store, kept: pd.DataFrame) -> Section:
    title = "People and splits"
    if not store.exists("splits.parquet"):
        how = f"Who is the same person and what is nearly the same clip is found by: emoforge split {store.uri()}"
        return Section(title=title, text=how if len(kept) else "No clip was kept.")
    splits = pq.read_table(store.open("splits.parquet")).to_pandas()
    table = corpus_statistics.people_and_splits(splits, kept)
    text = "People are clusters of face embeddings; splits share no person, source or near-duplicate."
    missing = len(kept) - int(splits.clip_id.isin(kept.clip_id).sum())
    if missing > 0:
        text += f"\n{missing:,} kept clips came later and are in no split: emoforge split {store.uri()}"
    return Section(title=title, text=text, table=table)


def _provenance_section(kept: pd.DataFrame) -> Section:
    table = corpus_statistics.provenance(kept)
    shown = table.head(MAX_ORIGINS)
    parts = [
        Section(title="By licence and origin", table=shown),
        Section(title="Made by", table=corpus_statistics.versions(kept)),
    ]
    rest = f" The largest {MAX_ORIGINS} of {len(table):,} origins are shown." if len(table) > MAX_ORIGINS else ""
    return Section(
        title="Provenance", text=f"Of the kept clips; of each clip it is in clips.parquet.{rest}", parts=parts
    )


def _sources_section(outcomes: pd.DataFrame) -> Section:
    """Refused sources first: they are what a reader comes for."""
    order = outcomes.outcome.map({"quarantined": 0, "rejected": 1, "kept": 2})
    table = outcomes.assign(order=order).sort_values("order", kind="stable").head(MAX_ROWS)
    shown = table[["uri", "outcome", "reason", "n_clips", "error", "start_s", "end_s"]].assign(
        uri=[file_name(uri) for uri in table.uri], error=[_shortened(error) for error in table.error]
    )
    spans = [name for name in ("start_s", "end_s") if shown[name].isna().all()]
    rest = f" The first {MAX_ROWS} of {len(outcomes):,} are shown." if len(outcomes) > MAX_ROWS else ""
    text = f"All of them are in outcomes.parquet, with their whole names.{rest}"
    return Section(title="Sources", text=text, table=shown.drop(columns=spans))


def file_name(uri: str) -> str:
    """Return the last part of a path or address: what a person calls the source."""
    return _shortened(PurePosixPath(uri).name or uri)


def _shortened(text: str) -> str:
    return text if len(text) <= MAX_TEXT else text[: MAX_TEXT - 1] + "…"
