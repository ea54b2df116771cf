"""The sound of a sampled video: as the model hears it, and as the video carries it, neither held in memory."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from curate.errors import MediaError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

log = logging.getLogger(__name__)

MAX_AUDIO_S = 3600.0
MAX_APART_S = 0.5  # between the lengths of a mix and of its vocals: encoders add some silence


@dataclass(frozen=True, kw_only=True)
class Sound:
    """A sound file, or the sound of a video, that has been read once and is whole."""

    file: Path
    sample_rate_hz: int
    channels: int  # 1 or 2: more are mixed down to stereo
    n_samples: int

    @property
    def duration_s(self) -> float:
        """Its length in seconds."""
        return self.n_samples / self.sample_rate_hz

    def n_frames(self, fps: int) -> int:
        """How many pictures cover it to the last sample."""
        return -(-self.n_samples * fps // self.sample_rate_hz)

    def blocks(self) -> "Iterator[NDArray[np.float32]]":
        """Yield (channels, n) samples in [-1, 1] at the file's own rate."""
        yield from _blocks(self.file, sample_rate_hz=self.sample_rate_hz, channels=self.channels)


def open_sound(file: Path) -> Sound:
    """Read a file through; MediaError says what is wrong with one that is missing, empty, no sound, or too long."""
    from curate.media import audio_format

    if not file.is_file():
        raise MediaError("not_found", f"there is no audio file {file}")
    if file.stat().st_size == 0:
        raise MediaError("empty", f"the audio file {file} is empty (0 bytes)")
    try:
        rate_hz, channels, has_video = audio_format(file)
        channels = min(channels, 2)
        n_samples = sum(block.shape[1] for block in _blocks(file, sample_rate_hz=rate_hz, channels=channels))
    except MediaError as error:
        raise MediaError(error.reason, f"the audio {file} can't be used: {error}") from error
    if n_samples == 0:
        raise MediaError("duration", f"the audio {file} lasts 0.0 s: it holds no sound")
    if has_video:
        log.warning("%s is a video: its sound is used, its pictures are not", file)
    return Sound(file=file, sample_rate_hz=rate_hz, channels=channels, n_samples=n_samples)


def heard(sound: Sound, *, scratch: Path, duration_s: float) -> "NDArray[np.float32]":
    """Return (n,) samples at 16 kHz for `duration_s`, on disk in a file of the folder `scratch`.

    MediaError where the sound is of another length: a mix and its vocals are one recording.
    """
    import numpy as np

    from curate.media import CORPUS_RATE_HZ

    if abs(sound.duration_s - duration_s) > MAX_APART_S:
        raise MediaError(
            "other_length",
            f"the vocals {sound.file} last {sound.duration_s:.2f} s and what is heard {duration_s:.2f} s; "
            "they must be of one recording",
        )
    n_samples = max(1, round(duration_s * CORPUS_RATE_HZ))
    samples = np.memmap(scratch / "heard.f32", np.float32, mode="w+", shape=(n_samples,))
    at = 0
    for block in _blocks(sound.file, sample_rate_hz=CORPUS_RATE_HZ, channels=1):
        fitting = block[0, : n_samples - at]
        samples[at : at + len(fitting)] = fitting
        at += len(fitting)
    return samples


def voiced(samples: "NDArray[np.float32]", *, n_frames: int) -> "NDArray[np.bool_] | None":
    """Say of each frame whether a voice is heard near it; None, with a warning, where weights are missing."""
    from curate.errors import WeightsError
    from train.silence_gate import voiced_frames

    try:
        return voiced_frames(samples, n_frames=n_frames)
    except WeightsError as error:
        log.warning("the silence gate is off: %s", error)
        return None


def _blocks(file: Path, *, sample_rate_hz: int, channels: int) -> "Iterator[NDArray[np.float32]]":
    """Yield the file's sound without values that no encoder takes (a float WAV may hold infinities)."""
    import numpy as np

    from curate.media import Limits
    from curate.sound_stream import sound_blocks

    limits = Limits(max_duration_s=MAX_AUDIO_S)
    for block in sound_blocks(file, sample_rate_hz=sample_rate_hz, channels=channels, limits=limits):
        yield np.clip(np.nan_to_num(block), -1, 1)
