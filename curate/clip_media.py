"""What a scorer is given: a clip's per-frame numbers, and its sound, read when first asked for."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from curate.analysis import Analysis
from curate.clip_pictures import ClipPictures, clip_pictures, stream_pictures
from curate.errors import MediaError
from curate.face_crops import face_crops
from curate.media import CORPUS_RATE_HZ, probe, read_audio
from curate.picture_series import SIZE_PX, PictureSeries, own_fps, picture_series
from curate.speech import speech_probabilities
from curate.tracks import Track


@dataclass(frozen=True, kw_only=True, eq=False)
class ClipMedia:
    """Lazy media of one face track (or a part of it) of an analysed video of `width` x `height` px."""

    source: Path | bytes
    track: Track
    faces_per_frame: NDArray[np.int16]
    camera_speed: NDArray[np.float32]
    width: int
    height: int
    size_px: int = 512
    audio_shift_s: float = 0.0

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
        """(n,) mono samples at 16 kHz, nominally in [-1, 1], exactly as long as the clip; None without a stream.

        They are those heard `audio_shift_s` after the clip's frames, which mends a sound that comes late by so much.
        """
        return self.audio_around(0.0)

    def audio_around(self, margin_s: float) -> NDArray[np.float32] | None:
        """Return the sound with that of `margin_s` before and after the clip; silence beyond the source's ends."""
        shift_s = self.audio_shift_s
        start_s, end_s = self.track.start_s + shift_s - margin_s, self.track.end_s + shift_s + margin_s
        try:
            return read_audio(self.source, sample_rate_hz=CORPUS_RATE_HZ, start_s=start_s, end_s=end_s)
        except MediaError as error:
            if error.reason == "no_audio_stream":
                return None
            raise

    @cached_property
    def speech(self) -> NDArray[np.float32] | None:
        """(m,) probability in [0, 1] that each 32 ms of the sound are speech, the rest cut; None without sound."""
        return None if self.audio is None else speech_probabilities(self.audio)

    @cached_property
    def pictures(self) -> ClipPictures:
        """The clip's crop of `size_px`, as it will be encoded; a pass over the clip's span."""
        return clip_pictures(self.source, self.track, width=self.width, height=self.height, size=self.size_px)

    @cached_property
    def picture_series(self) -> PictureSeries:
        """Numbers of every picture of the crop; a pass over the clip's span that holds two pictures, however long."""
        fps = own_fps(probe(self.source).fps, default=self.fps)
        pictures = stream_pictures(self.source, self.track, width=self.width, height=self.height, size=SIZE_PX, fps=fps)
        return picture_series(pictures, fps=fps)

    @cached_property
    def face_crops(self) -> NDArray[np.uint8]:
        """(F, 224, 224, 3) RGB crops of the lower face, as SyncNet and LR-ASD want them; a pass over the video."""
        return face_crops(self.source, self.track)


def clip_media(source: Path | bytes, analysis: Analysis, track: Track, *, size_px: int = 512) -> ClipMedia:
    """Return the media of a track of an analysed video, whose clips are encoded at `size_px`."""
    begin = track.first - analysis.first
    span = slice(begin, begin + len(track))
    return ClipMedia(
        source=source,
        track=track,
        faces_per_frame=analysis.faces_per_frame[span],
        camera_speed=analysis.camera_speed[span],
        width=analysis.info.width,
        height=analysis.info.height,
        size_px=size_px,
    )
