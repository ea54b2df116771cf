"""Where the videos to score come from: a curated corpus, a folder of videos, or one file."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq

from curate.corpus import INDEX, ClipRef, Corpus, is_corpus, open_corpus
from curate.errors import EmoforgeError
from curate.splits import SPLITS

SUFFIXES = frozenset({".avi", ".m4v", ".mkv", ".mov", ".mp4", ".webm"})


@dataclass(frozen=True, kw_only=True)
class Video:
    """One video by name: `name` is unique in its set, `stem` pairs it with a reference or a portrait.

    `cluster` is shared by clips of one identity, or of one source; None where that isn't known.
    """

    name: str
    stem: str
    cluster: str | None = None
    path: Path | None = None
    corpus: Corpus | None = None
    ref: ClipRef | None = None

    def media(self) -> Path | bytes:
        """The file, or one corpus clip's bytes (one range read); EmoforgeError or OSError when it has gone."""
        if self.corpus is not None and self.ref is not None:
            return self.corpus.video(self.ref)
        if self.path is None:
            raise ValueError(f"{self.name} has neither a file nor a corpus")
        return self.path


def list_videos(place: Path, *, split: str | None = None) -> tuple[Video, ...]:
    """The videos of a corpus (in index order), of a folder and its subfolders (by name), or one file.

    A corpus clip's stem is its clip_id. With `split`, a corpus gives the clips of that split alone. Raises
    EmoforgeError when the place is missing or holds no video.
    """
    if is_corpus(place):
        return _corpus_videos(place, split)
    if not place.exists():
        raise EmoforgeError(
            f"{place} does not exist; give a folder of videos or a folder that `emoforge curate` wrote."
        )
    videos = _folder_videos(place)
    if not videos:
        known = ", ".join(sorted(SUFFIXES))
        raise EmoforgeError(f"{place} holds no video (looked for {known}) and no corpus ({INDEX}).")
    return videos


def n_in_split(place: Path, split: str) -> int:
    """How many clips a corpus has in a split; 0 for what was not split."""
    return sum(name == split for name, _ in (_splits(place) or {}).values())


def digest(videos: Sequence[Video]) -> str:
    """16 hex digits of the set's names and bytes: what the same command must find again to be the same evaluation.

    A corpus clip's id and size stand for its bytes (ids are made from content).
    """
    whole = hashlib.sha256()
    for video in videos:
        whole.update(f"{video.name}\0{content_key(video)}\0".encode())
    return whole.hexdigest()[:16]


def content_key(video: Video) -> str:
    """What stands for a video's bytes: the sha256 of a file, a corpus clip's size."""
    if video.ref is not None:
        return str(video.ref.video_size)
    if video.path is None:
        return ""
    try:
        with video.path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        return f"unreadable {error.errno}"


def _corpus_videos(place: Path, split: str | None) -> tuple[Video, ...]:
    corpus, rows = open_corpus(place), _splits(place)
    if split is not None and rows is None:
        raise EmoforgeError(f"{place} has no {SPLITS}, so no split {split!r}; run: emoforge split {place}")
    videos = []
    for ref in corpus.clips:
        in_split, person = (rows or {}).get(ref.clip_id, (None, None))
        if split is None or in_split == split:
            cluster = person or ref.source_id
            videos.append(Video(name=ref.clip_id, stem=ref.clip_id, cluster=cluster, corpus=corpus, ref=ref))
    if not videos:
        raise EmoforgeError(f"the split {split!r} of {place} holds no clip; --split all takes every clip")
    return tuple(videos)


def _splits(place: Path) -> dict[str, tuple[str, str]] | None:
    """Clip id -> (its split, its identity cluster); None where the corpus was not split."""
    if not (place / SPLITS).is_file():
        return None
    table = pq.read_table(place / SPLITS, columns=["clip_id", "split", "identity_cluster"])
    return {row["clip_id"]: (row["split"], row["identity_cluster"]) for row in table.to_pylist()}


def _folder_videos(place: Path) -> tuple[Video, ...]:
    paths = [place] if place.is_file() else sorted(p for p in place.rglob("*") if _is_video(p, place))
    root = place.parent if place.is_file() else place
    return tuple(Video(name=_clean(p.relative_to(root).as_posix()), stem=_clean(p.stem), path=p) for p in paths)


def _clean(name: str) -> str:
    """A file's name as text that can be written: what isn't UTF-8 in it is shown by question marks."""
    return name.encode("utf-8", "replace").decode("utf-8")


def _is_video(path: Path, place: Path) -> bool:
    hidden = any(part.startswith(".") for part in path.relative_to(place).parts)
    return path.suffix.lower() in SUFFIXES and not hidden and path.is_file()
