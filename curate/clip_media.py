"""What a scorer is given: a clip's per-frame numbers, and its sound, read when first asked for."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from curate.analysis import Analysis
from curate.errors import MediaError
from curate.media import CORPUS_RATE_HZ, read_audio
from curate.tracks import Track


@dataclass(frozen=True, kw_only=True, eq=False)
class ClipMedia:
    """Lazy media of one face track (or a part of it) of an analysed video."""

    source: Path | bytes
    track: Track
    faces_per_frame: NDArray[np.int16]

    @property
    def fps(self) -> int:
        """Frames a second of every per-frame series."""
        return self.track.fps

    @property
    def duration_s(self) -> float:
        """Length of the clip in seconds."""
        return len(self.track) / self.track.fps

    @cached_property
    def audio(self) -> NDArray[np.float32] | None:
        """(n,) mono samples at 16 kHz, nominally in [-1, 1], exactly as long as the clip; None without a stream."""
        try:
            return read_audio(
                self.source, sample_rate_hz=CORPUS_RATE_HZ, start_s=self.track.start_s, end_s=self.track.end_s
            )
        except MediaError as error:
            if error.reason == "no_audio_stream":
                return None
            raise


def clip_media(source: Path | bytes, analysis: Analysis, track: Track) -> ClipMedia:
    """Return the media of a track of an analysed video."""
    faces = analysis.faces_per_frame[track.first : track.first + len(track)]
    return ClipMedia(source=source, track=track, faces_per_frame=faces)
