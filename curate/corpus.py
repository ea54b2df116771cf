"""Reads a curated corpus: the index says where each clip's bytes lie, one range read fetches them."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from curate.errors import EmoforgeError
from curate.media import read_audio

INDEX = "index.parquet"


@dataclass(frozen=True, kw_only=True)
class ClipRef:
    """One clip's place: `shard` is relative to the corpus' folder, offsets and sizes are bytes of that file."""

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
    """A curated corpus on disk."""

    path: Path
    clips: tuple[ClipRef, ...]

    def video(self, ref: ClipRef) -> bytes:
        """Return the clip's mp4."""
        return self._bytes(ref, ref.video_offset, ref.video_size)

    def audio(self, ref: ClipRef) -> NDArray[np.float32]:
        """Return the clip's (n,) samples at 16 kHz; silence of the clip's length when it has no sound."""
        if ref.audio_offset < 0:
            return np.zeros(round(ref.duration_s * 16_000), np.float32)
        return read_audio(self._bytes(ref, ref.audio_offset, ref.audio_size))

    def row(self, ref: ClipRef, columns: Sequence[str]) -> dict[str, Any]:
        """Return the clip's values of some columns (per-frame lists, scores, provenance)."""
        parquet = _parquet(self._shard(ref))
        first = 0
        for group in range(parquet.num_row_groups):
            rows = parquet.metadata.row_group(group).num_rows
            if ref.row < first + rows:
                table = parquet.read_row_group(group, columns=list(columns)).slice(ref.row - first, 1)
                values: dict[str, Any] = table.to_pylist()[0]
                return values
            first += rows
        raise EmoforgeError(f"{self._shard(ref)} has no row {ref.row}: the index and the shard do not belong together")

    def _shard(self, ref: ClipRef) -> Path:
        shard = self.path / ref.shard
        if not shard.is_file():
            raise EmoforgeError(f"the shard {shard} is missing; {self.path / INDEX} points to it")
        return shard

    def _bytes(self, ref: ClipRef, offset: int, size: int) -> bytes:
        with self._shard(ref).open("rb") as file:
            file.seek(offset)
            content = file.read(size)
        if len(content) != size:
            raise EmoforgeError(f"{self._shard(ref)} is cut off: clip {ref.clip_id} lies beyond its end")
        return content


def is_corpus(path: Path) -> bool:
    """Whether `path` is a folder that `emoforge curate` or `emoforge select` wrote."""
    return (path / INDEX).is_file()


def open_corpus(path: Path) -> Corpus:
    """Open what `emoforge curate` or `emoforge select` wrote; EmoforgeError when it is none, or holds no clip."""
    if not is_corpus(path):
        raise EmoforgeError(f"{path} is not a curated corpus (it has no {INDEX}); make one with: emoforge curate")
    try:
        rows = pq.read_table(path / INDEX).to_pylist()
        clips = tuple(ClipRef(**row) for row in rows)
    except (OSError, ValueError, TypeError) as error:
        raise EmoforgeError(f"{path / INDEX} can't be read: {error}") from error
    if not clips:
        raise EmoforgeError(f"the corpus {path} holds no clip: see {path / 'report.html'} for why each was dropped")
    return Corpus(path=path, clips=clips)


@lru_cache(maxsize=16)
def _parquet(shard: Path) -> pq.ParquetFile:
    return pq.ParquetFile(shard)
