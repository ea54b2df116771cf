"""What a corpus holds, as tables: time by domain and language, people and splits, repaired sound, provenance."""

import json
from collections.abc import Sequence
from itertools import groupby
from pathlib import PurePosixPath
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
from numpy.typing import NDArray

from curate.corpus import ClipRef, Corpus, locate
from curate.hosts import host_of
from curate.store import Store

SAMPLED_CLIPS, STRETCH = 512, 16  # clips whose per-frame lists are read, this many in a row: one piece of a shard
MAX_GROUPS = 30

UNKNOWN = "not known"


def time_by(clips: pd.DataFrame, key: pd.Series, name: str) -> pd.DataFrame:
    """Return sources, clips, time and its share by a key, the largest first; a missing key is UNKNOWN."""
    groups = clips.assign(**{name: key.fillna(UNKNOWN)}).groupby(name, as_index=False)
    table = groups.agg(sources=("source_id", "nunique"), clips=("clip_id", "size"), seconds=("duration_s", "sum"))
    table = table.sort_values("seconds", ascending=False, kind="stable").head(MAX_GROUPS)
    total = float(clips.duration_s.sum()) or 1.0
    shares = [f"{share:.1%}" for share in table.seconds / total]
    return table.assign(time=table.seconds.map(in_words), share=shares).drop(columns="seconds")


def in_words(seconds: float) -> str:
    """Return a time as a person says it."""
    return f"{seconds / 3600:,.1f} h" if seconds >= 3600 else f"{seconds / 60:.1f} min"


def languages(clips: pd.DataFrame) -> pd.Series:
    """Return each clip's language as its manifest gave it (a column `language`, or `lang`), else None."""
    if "language" in clips:
        return clips.language
    by_extra = {text: _language(text) for text in clips.extra.dropna().unique()}
    return clips.extra.map(by_extra)


def _language(extra: str) -> str | None:
    values = json.loads(extra)
    return str(values.get("language") or values.get("lang") or "") or None


def people_and_splits(splits: pd.DataFrame, clips: pd.DataFrame) -> pd.DataFrame:
    """Return a row a split and one for all: clips, time, sources, people and near-duplicates."""
    table = splits.assign(seconds=splits.clip_id.map(clips.drop_duplicates("clip_id").set_index("clip_id").duration_s))
    table = pd.concat([table, table.assign(split="all")])
    order = {"train": 0, "val": 1, "test": 2, "all": 3}
    groups = table.groupby("split").agg(
        clips=("clip_id", "size"),
        seconds=("seconds", "sum"),
        sources=("source_id", "nunique"),
        people=("identity_cluster", "nunique"),
        near_duplicates=("duplicate_of", "count"),
    )
    groups = groups.sort_index(key=lambda names: names.map(order)).reset_index()
    groups.insert(2, "time", groups.pop("seconds").map(in_words))
    return groups.rename(columns={"near_duplicates": "near-duplicates of another"})


def repairs(clips: pd.DataFrame) -> pd.DataFrame:
    """Return how many clips had an offset found and their sound moved; nothing when no repair was asked for."""
    if "audio_shift_s" not in clips or not clips.audio_shift_s.notna().any():
        return pd.DataFrame()
    moved = clips.audio_shift_s.fillna(0) != 0
    facts = {
        "sound that was looked at": clips.audio_shift_s.notna(),
        "an offset that can be told": clips.sync_offset_before_s.notna(),
        "sound moved by the repair": moved,
    }
    share = 1 / max(1, len(clips))
    rows = [
        {"kept clips with": words, "clips": int(rows.sum()), "share": f"{rows.sum() * share:.1%}"}
        for words, rows in facts.items()
    ]
    return pd.DataFrame(rows)


def offset_after(clips: pd.DataFrame) -> str | None:
    """Return the column that holds the offset as it is now, by the scorer that repaired."""
    names = [str(name) for name in clips.columns]
    known = [name for name in names if name.endswith("_offset_s") and clips[name].notna().any()]
    return known[0] if known else None


def provenance(clips: pd.DataFrame) -> pd.DataFrame:
    """Return a row a licence and origin (host or folder): clips, time, and how much of it names whom and why."""
    columns = {
        "licence": clips.licence.fillna("none given"),
        "origin": clips.uri.map({uri: origin(uri) for uri in clips.uri.unique()}),
    }
    groups = clips.assign(**columns).groupby(["licence", "origin"], as_index=False)
    table = groups.agg(
        sources=("source_id", "nunique"),
        clips=("clip_id", "size"),
        seconds=("duration_s", "sum"),
        consent=("consent_ref", "count"),
        attribution=("attribution", "count"),
        signals=("rights", _joined),
    ).sort_values("seconds", ascending=False, kind="stable")
    shares = {name: [f"{share:.0%}" for share in table[name] / table.clips] for name in ("consent", "attribution")}
    table = table.assign(**shares)
    table.insert(4, "time", table.pop("seconds").map(in_words))
    words = {"consent": "with consent_ref", "attribution": "with attribution", "signals": "robots and rights signals"}
    return table.rename(columns=words)


def versions(clips: pd.DataFrame) -> pd.DataFrame:
    """Return the pipeline and weights that made the clips, one row a combination."""
    columns = ["pipeline_version", "weights_versions"]
    return clips.fillna(dict.fromkeys(columns, UNKNOWN)).groupby(columns, as_index=False).agg(clips=("clip_id", "size"))


def origin(uri: str) -> str:
    """Return where a source came from: its host or bucket, or the folder of a local file."""
    host = host_of(uri)
    return str(PurePosixPath(uri).parent) if host is None else host or UNKNOWN


def sampled_frames(corpus: Corpus, columns: Sequence[str]) -> dict[str, NDArray[np.float64]]:
    """Return per-frame columns of about SAMPLED_CLIPS clips, in stretches spread evenly over the corpus, end to end."""
    chosen = _spread(corpus.clips)
    found: dict[str, list[Any]] = {name: [] for name in columns}
    for shard, refs in groupby(chosen, key=lambda ref: ref.shard):
        rows = np.array([ref.row for ref in refs])
        for name, lists in _lists(corpus.store, shard, rows, columns).items():
            found[name] += lists
    return {name: np.concatenate([*lists, np.zeros(0)]).astype(float) for name, lists in found.items()}


def _spread(clips: Sequence[ClipRef]) -> list[ClipRef]:
    stretches = SAMPLED_CLIPS // STRETCH
    if len(clips) <= SAMPLED_CLIPS:
        chosen = list(clips)
    else:
        firsts = np.linspace(0, len(clips) - STRETCH, stretches).round().astype(int)
        chosen = [clips[first + place] for first in firsts for place in range(STRETCH)]
    return sorted(chosen, key=lambda ref: (ref.shard, ref.row))


def _lists(store: Store, shard: str, rows: NDArray[np.int64], columns: Sequence[str]) -> dict[str, list[Any]]:
    """Read some rows of a shard, and of it only the row groups that hold them; a re-decided corpus' lie elsewhere."""
    holder, name = locate(store, shard)
    file = pq.ParquetFile(holder.open(name))
    there = [column for column in columns if column in file.schema_arrow.names]
    ends = np.cumsum([file.metadata.row_group(group).num_rows for group in range(file.num_row_groups)])
    holds = np.searchsorted(ends, rows, side="right")
    found: dict[str, list[Any]] = {column: [] for column in there}
    for group in np.unique(holds).tolist():
        first = int(ends[group - 1]) if group else 0
        table = file.read_row_group(group, columns=there, use_threads=False).take(rows[holds == group] - first)
        for column in there:
            found[column] += [np.asarray(values) for values in table[column].drop_null().to_pylist()]
    return found


def _joined(signals: pd.Series) -> str:
    return "; ".join(sorted(set(signals.dropna())))[:300] or "none"
