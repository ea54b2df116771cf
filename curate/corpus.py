"""Reads a curated corpus, of a folder or an object store: one range read by the index fetches a clip."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import accumulate
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from curate.errors import EmoforgeError
from curate.media import read_audio
from curate.store import Place, Store, open_store
from curate.vocals_table import TABLE as VOCALS
from curate.vocals_table import VocalsRef, vocals_index

INDEX = "index.parquet"
OPEN_SHARDS = 64  # whose footers are held: about 50 kB each


class BrokenClipError(EmoforgeError):
    """A clip that its shard does not hold as the index says; the corpus' other clips may be well."""


@dataclass(frozen=True, kw_only=True)
class ClipRef:
    """One clip's place: `shard` is relative to the corpus, or an address; offsets and sizes are bytes of that file."""

    clip_id: str
    source_id: str
    shard: str
    row: int
    video_offset: int
    video_size: int
    audio_offset: int
    audio_size: int
    n_frames: int
    duration_s: float


@dataclass(frozen=True, kw_only=True)
class Corpus:
    """A curated corpus and its clips in the index's order."""

    store: Store
    clips: tuple[ClipRef, ...]

    @property
    def place(self) -> str:
        """The corpus' folder or address, as a person would type it."""
        return self.store.uri()

    def video(self, ref: ClipRef) -> bytes:
        """Return the clip's mp4."""
        return self._bytes(ref, ref.video_offset, ref.video_size)

    def audio(self, ref: ClipRef) -> NDArray[np.float32]:
        """Return the clip's (n,) samples at 16 kHz; silence of the clip's length when it has no sound."""
        if ref.audio_offset < 0:
            return np.zeros(round(ref.duration_s * 16_000), np.float32)
        return read_audio(self._bytes(ref, ref.audio_offset, ref.audio_size))

    def voice(self, ref: ClipRef) -> NDArray[np.float32]:
        """Return the (n,) samples at 16 kHz that a model is driven by: the separated vocals, else as `audio`."""
        if ref.clip_id not in self._vocals:
            return self.audio(ref)
        return read_audio(self._vocals_bytes(ref))

    def voice_file(self, ref: ClipRef) -> bytes | None:
        """Return the FLAC that `voice` decodes; None when the clip has no sound."""
        if ref.clip_id in self._vocals:
            return self._vocals_bytes(ref)
        return None if ref.audio_offset < 0 else self._bytes(ref, ref.audio_offset, ref.audio_size)

    def row(self, ref: ClipRef, columns: Sequence[str]) -> dict[str, Any]:
        """Return the clip's values of some columns (per-frame lists, scores, provenance)."""
        store, name = locate(self.store, ref.shard)
        try:
            footer, firsts = _footer(store, name)
            group = bisect_right(firsts, ref.row) - 1
            if ref.row >= footer.num_rows:
                raise BrokenClipError(
                    f"{store.uri(name)} has no row {ref.row}: the index and the shard do not belong together"
                )
            parquet = pq.ParquetFile(store.open(name), metadata=footer)
            table = parquet.read_row_group(group, columns=list(columns), use_threads=False)
        except FileNotFoundError as error:
            raise self._missing(ref) from error
        values: dict[str, Any] = table.slice(ref.row - firsts[group], 1).to_pylist()[0]
        return values

    @cached_property
    def _vocals(self) -> dict[str, VocalsRef]:
        """Where the vocals lie; looked for once, and only when a voice is wanted."""
        return vocals_index(self.store)

    def _vocals_bytes(self, ref: ClipRef) -> bytes:
        vocals = self._vocals[ref.clip_id]
        store, name = locate(self.store, vocals.file)
        try:
            content = store.read_range(name, vocals.offset, vocals.size)
        except FileNotFoundError as error:
            raise self._no_vocals(ref, f"{store.uri(name)} is missing") from error
        if len(content) != vocals.size:
            raise self._no_vocals(ref, f"{store.uri(name)} is cut off")
        return content

    def _no_vocals(self, ref: ClipRef, what: str) -> EmoforgeError:
        text = f"{what}, in which {self.store.uri(VOCALS)} has the vocals of clip {ref.clip_id}"
        return EmoforgeError(f"{text}; run emoforge separate again")

    def _missing(self, ref: ClipRef) -> EmoforgeError:
        store, name = locate(self.store, ref.shard)
        return EmoforgeError(f"the shard {store.uri(name)} is missing; {self.store.uri(INDEX)} points to it")

    def _bytes(self, ref: ClipRef, offset: int, size: int) -> bytes:
        store, name = locate(self.store, ref.shard)
        try:
            content = store.read_range(name, offset, size)
        except FileNotFoundError as error:
            raise self._missing(ref) from error
        if len(content) != size:
            raise BrokenClipError(f"{store.uri(name)} is cut off: clip {ref.clip_id} lies beyond its end")
        return content


def locate(store: Store, shard: str) -> tuple[Store, str]:
    """Return the store and the name of a shard that a corpus in `store` points to: a re-decided one's lie elsewhere."""
    if "://" not in shard:
        return store, shard
    address, _, name = shard.rpartition("/")
    return open_store(address), name


def is_corpus(place: Place) -> bool:
    """Whether `place` is what `emoforge curate` or `emoforge select` wrote."""
    return open_store(place).exists(INDEX)


def open_corpus(place: Place) -> Corpus:
    """Open what `emoforge curate` or `emoforge select` wrote; EmoforgeError when it is none, or holds no clip."""
    store = open_store(place)
    if not is_corpus(store):
        text = f"{store.uri()} is not a curated corpus (it has no {INDEX})"
        raise EmoforgeError(f"{text}; make one with: emoforge curate")
    try:
        rows = pq.read_table(store.open(INDEX)).to_pylist()
        clips = tuple(ClipRef(**row) for row in rows)
    except (OSError, ValueError, TypeError) as error:
        raise EmoforgeError(f"{store.uri(INDEX)} can't be read: {error}") from error
    if not clips:
        raise EmoforgeError(
            f"the corpus {store.uri()} holds no clip: see {store.uri('report.html')} for why each was dropped"
        )
    return Corpus(store=store, clips=clips)


@lru_cache(maxsize=OPEN_SHARDS)
def _footer(store: Store, name: str) -> tuple[pq.FileMetaData, list[int]]:
    """Return a shard's footer and the number of each row group's first row.

    Threads share it; an open ParquetFile they can't (pyarrow crashes).
    """
    footer = pq.ParquetFile(store.open(name)).metadata
    rows = [footer.row_group(group).num_rows for group in range(footer.num_row_groups)]
    return footer, [0, *accumulate(rows[:-1])]
