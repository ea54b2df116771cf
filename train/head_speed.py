"""How fast the head turns over a video: a constant, or points in time with straight lines between them."""

import csv
import math
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from curate.errors import ConfigError
from curate.file_names import names_file

Points = Sequence[tuple[float, float]]  # (second, degrees a frame), rising in time

DEFAULT_DEG = 0.5  # a calm speaker's
MAX_DEG = 90.0  # between two frames; beyond it a head has lost its body
MAX_FILE_BYTES = 4 << 20


def read_speed(text: str, *, name: str = "--speed") -> Points:
    """Return the points of `0.5` (constant), `0:0.2,4.5:1` (second:degrees), or a CSV file of second,degrees.

    Before the first point and after the last the speed stays as there. ConfigError says which point is wrong.
    """
    if _number(text) is not None:
        return _checked([("0", text)], name)
    if ":" in text and not names_file(text):
        return _checked([tuple(part.split(":")) for part in text.split(",")], name)
    return _checked(_rows(Path(text), name), f"{name} {text}")


def speed_curve(points: Points, *, n_frames: int, fps: int) -> NDArray[np.float32]:
    """Return (n_frames,) degrees a frame: the lines between the points at each frame's time."""
    seconds, degrees = zip(*points, strict=True)
    return np.asarray(np.interp(np.arange(n_frames) / fps, seconds, degrees), np.float32)


def _rows(file: Path, name: str) -> list[tuple[str, ...]]:
    try:
        if file.exists() and not file.is_file():
            raise ConfigError(f"{name} {file} is not a file; a CSV of second,degrees is wanted")
        if file.stat().st_size > MAX_FILE_BYTES:
            raise ConfigError(f"{name} {file} is over {MAX_FILE_BYTES >> 20} MiB; a CSV of second,degrees is wanted")
        with file.open(encoding="utf-8-sig", newline="") as lines:
            rows = [tuple(row) for row in csv.reader(lines) if row]
    except FileNotFoundError as error:
        raise ConfigError(
            f"{name} {file}: neither a number of degrees a frame, nor second:degrees,..., nor a file that is there"
        ) from error
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ConfigError(f"{name} {file} can't be read as CSV: {error}") from error
    has_header = bool(rows) and all(_number(cell) is None for cell in rows[0])
    return rows[1:] if has_header else rows


def _checked(rows: Iterable[tuple[str, ...]], name: str) -> Points:
    points: list[tuple[float, float]] = []
    for row in rows:
        numbers = [_number(cell) for cell in row]
        shown = ":".join(row)[:60]
        if len(numbers) != 2 or numbers[0] is None or numbers[1] is None:
            raise ConfigError(f"{name}: {shown!r} is not a second and its degrees a frame")
        second, degrees = numbers[0], numbers[1]
        if not 0 <= degrees <= MAX_DEG or second < 0:
            raise ConfigError(f"{name}: {shown!r} must have a second from 0 and 0-{MAX_DEG:g} degrees a frame")
        if points and second <= points[-1][0]:
            raise ConfigError(f"{name}: {shown!r} comes after second {points[-1][0]:g}; seconds must rise")
        points.append((second, degrees))
    if not points:
        raise ConfigError(f"{name} holds no second,degrees")
    return points


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None
