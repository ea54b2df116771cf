"""Sound that another program made: read to see that it is sound, and written as plain WAV."""

import os
import tempfile
import wave
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from curate.errors import MediaError
from curate.media import audio_format, read_audio


def read_made(
    path: Path, *, maker: str, sample_rate_hz: int | None = None, channels: int | None = None
) -> tuple[NDArray[np.float32], int]:
    """Return (channels, n) samples and their rate, the file's own unless told; MediaError says what `maker` did wrong.

    More than two channels become two.
    """
    if not path.is_file() or path.stat().st_size == 0:
        raise MediaError("not_made", f"{maker} ended well but wrote no sound to {path.name}")
    try:
        own_rate_hz, own_channels, _ = audio_format(path)
        rate_hz = sample_rate_hz or own_rate_hz
        samples = read_audio(path, sample_rate_hz=rate_hz, channels=channels or min(own_channels, 2))
    except MediaError as error:
        raise MediaError(error.reason, f"{maker} wrote no sound that can be read: {error}") from error
    if not samples.size:
        raise MediaError("empty", f"{maker} wrote a sound without a single sample")
    return np.atleast_2d(samples), rate_hz


def write_wav(path: Path, samples: NDArray[np.float32], sample_rate_hz: int) -> None:
    """Write (channels, n) samples in [-1, 1] as 16-bit WAV; the file appears whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, scratch = tempfile.mkstemp(dir=path.parent, prefix=".tmp-", suffix=".wav")
    try:
        with os.fdopen(handle, "wb") as raw, wave.open(raw, "wb") as file:
            file.setnchannels(len(samples))
            file.setsampwidth(2)
            file.setframerate(sample_rate_hz)
            file.writeframes((np.clip(samples.T, -1, 1) * 32767).round().astype("<i2").tobytes())
        Path(scratch).chmod(0o644)
        Path(scratch).replace(path)
    finally:
        Path(scratch).unlink(missing_ok=True)
