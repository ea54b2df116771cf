"""The records that flow through curation: sources, clips, thresholds and outcomes."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pyarrow as pa

from curate.spill import Spill
from curate.tracks import Track

Domain = Literal["speech", "singing"]


@dataclass(frozen=True, kw_only=True)
class SourceEntry:
    """A source as the user names it: a uri, or a manifest's line, of which only [start_s, end_s) may be used.

    `extra` holds the manifest's other columns as text; they are carried through to the clips table.
    """

    uri: str
    licence: str | None = None
    attribution: str | None = None
    consent_ref: str | None = None
    start_s: float | None = None
    end_s: float | None = None
    domain: Domain = "speech"
    extra: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Arrived:
    """A fetched source: its file, sha256, when it came (ISO 8601, UTC), what its host said of robots, and its licence
    and attribution, where the entry or the page that it came from tells."""

    file: Path
    sha256: str
    retrieved_at: str
    rights: str | None = None
    licence: str | None = None
    attribution: str | None = None


@dataclass(frozen=True, kw_only=True)
class Source:
    """A source whose bytes are at hand: its entry, what arrived (sha256) and when (ISO 8601, UTC)."""

    entry: SourceEntry
    sha256: str
    retrieved_at: str
    rights: str | None = None

    @property
    def source_id(self) -> str:
        """The first 16 hex digits of the bytes' sha256: the same file has the same id everywhere."""
        return self.sha256[:16]


@dataclass(frozen=True, kw_only=True, eq=False)
class Clip:
    """A span of one face track of one shot of one source; times in seconds after the video's first frame."""

    source_id: str
    shot: int
    track: Track

    @property
    def clip_id(self) -> str:
        """16 hex digits from the source's bytes, the span and where the face begins: the same everywhere."""
        left, top = (round(float(value)) for value in self.track.boxes[0, :2])
        key = f"{self.source_id}:{self.track.first}:{len(self.track)}:{self.track.fps}:{left}:{top}"
        return hashlib.sha256(key.encode()).hexdigest()[:16]


@dataclass(frozen=True, kw_only=True)
class Threshold:
    """The range of a score in which a clip is kept: None is open; a missing score is outside unless `optional`."""

    min: float | None = None
    max: float | None = None
    optional: bool = False


@dataclass(frozen=True, kw_only=True)
class Decision:
    """Why a clip was dropped: the score's name and a phrase with the number; None and "" when it is kept."""

    dropped_by: str | None = None
    detail: str = ""


Status = Literal["kept", "rejected", "quarantined"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Outcome:
    """What became of one source: exactly one of kept (n_clips > 0), rejected(reason), quarantined(reason, error).

    `clips` holds one row a clip, kept or dropped, in memory or on the disk; only kept ones carry video and audio.
    `packet_hash` is the sha256 of the demuxed video packets, whatever container they came in; None where it is not
    known.
    """

    source_id: str | None
    uri: str
    outcome: Status
    reason: str
    n_clips: int
    error: str
    clips: pa.Table | Spill
    packet_hash: str | None = None
